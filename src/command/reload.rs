//! A new configuration for a proxy that runs: on SIGHUP, which `reload` sends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::process::{Pid, Signal, kill_process};

use super::{EX_CONFIG, check};
use crate::config::{Outcome, Plan, Plans};
use crate::observe::Metrics;

/// What `reload` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: super::Config,
    /// The file that `run --pid-file` wrote.
    #[arg(long, value_name = "FILE", required_unless_present = "pid")]
    pid_file: Option<PathBuf>,
    /// The running proxy; systemd tells it to ExecReload.
    #[arg(long, env = "MAINPID", conflicts_with = "pid_file")]
    pid: Option<i32>,
}

/// Checks the configuration and tells the running proxy to take it; ends with 78, nothing told, where it has faults.
pub(super) fn reload(options: &Options) -> ExitCode {
    if check::load(&options.config.config).is_none() {
        return ExitCode::from(EX_CONFIG);
    }
    let pid = match (options.pid, &options.pid_file) {
        (Some(pid), _) => Pid::from_raw(pid).ok_or_else(|| "0 is no process".to_owned()),
        (None, Some(file)) => running(file).map_err(|error| format!("{}: {error}", file.display())),
        (None, None) => Err("neither --pid-file nor --pid".to_owned()),
    };
    let told = pid.and_then(|pid| {
        let told = kill_process(pid, Signal::HUP);
        told.map_err(|error| format!("process {}: {error}", pid.as_raw_nonzero()))
    });
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("reload: {message}");
            ExitCode::FAILURE
        }
    }
}

/// A file with our process id, locked for as long as we live: an old one that was left behind names nobody.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    _locked: File,
}

impl PidFile {
    /// # Errors
    /// When it cannot be written, or a proxy that runs has it.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("a proxy that runs already has this file")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(PidFile { path: path.to_owned(), _locked: file })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Left behind it names nobody, for its lock is gone.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The process whose lock is on the file.
fn running(path: &Path) -> io::Result<Pid> {
    let mut file = File::open(path)?;
    if file.try_lock_shared().is_ok() {
        return Err(io::Error::other("no proxy runs by this file"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let pid = text.trim().parse().ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other("holds no process id"))
}

/// Puts the configuration at `path` in force, as a whole or not at all, and says in the log and in metrics what became of
/// it. Open sessions and connections stay.
pub(super) fn take_up(path: &Path, plans: &Plans, metrics: &Metrics) {
    // Read first: where somebody writes it in between, the checksum is an old one and not one that was never in force.
    let checksum = checksum(path);
    let well = try_take_up(path, plans);
    metrics.reloaded(well);
    if let Some(checksum) = checksum.filter(|_| well) {
        metrics.took_up(&checksum);
    }
}

fn try_take_up(path: &Path, plans: &Plans) -> bool {
    let shown = path.display();
    let Outcome { plan, faults, warnings } = match check::read(path) {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!("not reloaded, the old configuration stays: {shown}: {error}");
            return false;
        }
    };
    for warning in &warnings {
        tracing::warn!("{shown}:{warning}");
    }
    for fault in &faults {
        tracing::error!("{shown}:{fault}");
    }
    let Some(mut plan) = plan else {
        tracing::error!(faults = faults.len(), "not reloaded, the old configuration stays");
        return false;
    };
    for key in keep_fixed(&mut plan, &plans.load()) {
        tracing::warn!("`{key}` was changed, which a restart takes up and a reload does not");
    }
    let buyers = plan.buyers.len();
    plans.store(plan.into());
    tracing::info!(buyers, "reloaded");
    true
}

/// SHA-256 of the file, as `sha256sum` prints it.
pub(super) fn checksum(path: &Path) -> Option<String> {
    let digest = ring::digest::digest(&ring::digest::SHA256, &std::fs::read(path).ok()?);
    Some(data_encoding::HEXLOWER.encode(digest.as_ref()))
}

/// Gives a new plan the old one's values of what cannot change while we run; the keys whose values differed.
fn keep_fixed(new: &mut Plan, old: &Plan) -> Vec<&'static str> {
    let mut kept = Vec::new();
    let listeners = |plan: &Plan, tls| -> Vec<_> {
        plan.listen.iter().filter(|listener| listener.tls == tls).map(|listener| listener.address).collect()
    };
    let announced = |plan: &Plan| -> Vec<_> {
        plan.listen.iter().filter(|listener| listener.proxy_protocol).map(|listener| listener.address).collect()
    };
    for (key, differs) in [
        ("listen", listeners(new, false) != listeners(old, false)),
        ("listen_tls", listeners(new, true) != listeners(old, true)),
        ("proxy_protocol", announced(new) != announced(old)),
        ("admin", new.admin.as_ref().map(|admin| &admin.at) != old.admin.as_ref().map(|admin| &admin.at)),
        ("workers", new.workers != old.workers),
        ("limits.connections", new.limits.connections != old.limits.connections),
        ("session.most", new.session.most != old.session.most),
        ("session.store", new.session.store != old.session.store),
        ("log", (new.log.format, new.log.level) != (old.log.format, old.log.level)),
    ] {
        if differs {
            kept.push(key);
        }
    }
    new.listen.clone_from(&old.listen);
    match (&mut new.admin, &old.admin) {
        // A new token is taken up.
        (Some(new), Some(old)) if new.at == old.at => {}
        (new, old) => new.clone_from(old),
    }
    new.workers = old.workers;
    new.limits.connections = old.limits.connections;
    new.session.most = old.session.most;
    new.session.store.clone_from(&old.session.store);
    (new.log.format, new.log.level) = (old.log.format, old.log.level);
    if new.tls.is_none() {
        // The listeners for TLS are still there.
        new.tls.clone_from(&old.tls);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(top: &str, more: &str) -> Plan {
        let shop = "[shop]\norigin = \"http://127.0.0.1:1\"\npreset = \"django-oscar\"\n";
        let outcome = crate::config::read(&format!("{top}\n{shop}{more}"), Path::new("."));
        outcome.plan.unwrap_or_else(|| panic!("{:?}", outcome.faults))
    }

    #[test]
    fn what_cannot_change_is_told_and_stays_and_the_rest_changes() {
        let old = plan("listen = \"127.0.0.1:1\"\nworkers = 1", "");
        let mut new = plan(
            "listen = \"127.0.0.1:2\"\nworkers = 2\ncontact = \"a@b.example\"",
            "[limits]\nconnections = 7\nhead_time = \"1s\"\n[session]\nmost = 3\nidle = \"1m\"\n[log]\nlevel = \"debug\"\n",
        );
        let kept = keep_fixed(&mut new, &old);
        assert_eq!(kept, ["listen", "workers", "limits.connections", "session.most", "log"]);
        assert_eq!((new.workers, new.limits.connections, &new.listen), (1, old.limits.connections, &old.listen));
        assert_eq!((new.contact.as_deref(), new.limits.head_time.as_secs()), (Some("a@b.example"), 1));
        assert_eq!(keep_fixed(&mut new, &old), [""; 0]);
    }

    #[test]
    fn a_pid_file_names_who_holds_it_and_nobody_else() {
        let path = std::env::temp_dir().join(format!("punchout-proxy-{}.pid", std::process::id()));
        std::fs::write(&path, "1\n").unwrap();
        assert!(running(&path).unwrap_err().to_string().contains("no proxy runs"), "left behind by another");
        let held = PidFile::take(&path).unwrap();
        assert_eq!(running(&path).unwrap().as_raw_nonzero().get().unsigned_abs(), std::process::id());
        assert!(PidFile::take(&path).is_err());
        drop(held);
        assert!(!path.exists());
    }
}
