//! File descriptors: every connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Plan;

/// Listeners, runtimes, files, name resolution.
const OTHERS: usize = 100;

/// Raises the limit to what we may have, and warns where that is not enough for what the plan allows.
pub(super) fn raise(plan: &Plan) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let have = if raised.is_ok() { maximum } else { current };
    if let Some(short) = shortage(plan.limits.connections, plan.pool.max_live, have) {
        tracing::warn!("{short}");
    }
}

/// What to say where `have` descriptors (`None`: any number) do not suffice.
fn shortage(connections: usize, shop_connections: usize, have: Option<u64>) -> Option<String> {
    let have = have?;
    let need = connections.saturating_add(shop_connections).saturating_add(OTHERS);
    if usize::try_from(have).is_ok_and(|have| have < need) {
        return Some(format!(
            "limits.connections = {connections} and limits.shop_connections = {shop_connections} need {need} file \
             descriptors, and only {have} are allowed: set LimitNOFILE={need} in the systemd unit (`ulimit -Hn {need}` \
             in a shell), or lower limits.connections"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_descriptors_are_told_with_what_to_do() {
        assert_eq!(shortage(10_000, 256, None), None);
        assert_eq!(shortage(10_000, 256, Some(524_288)), None);
        assert_eq!(shortage(800, 124, Some(1024)), None);
        let told = shortage(10_000, 256, Some(4096)).unwrap();
        assert!(told.contains("LimitNOFILE=10356") && told.contains("only 4096"), "{told}");
    }
}
