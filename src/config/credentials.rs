//! A buyer's password, in a form that can be asked but not read.

use std::fmt;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;

/// A hash of random bytes that were thrown away, at the cost that [`hash`] uses.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$qBYIDvY9wS8VdSbfcxOhuA$O7cjwGkGIPZP1AGvRWGnfIbL6aPRZ5dSzEKFCpFVVzI";

/// How a password is compared with a hash: the work that takes its time. A test counts it.
type Look<'l> = dyn Fn(&str, &[u8]) -> bool + 'l;

/// What a catalog call's PASSWORD is compared with.
#[derive(Clone)]
pub enum Password {
    /// An argon2 hash in PHC form.
    Hash(String),
    /// In clear, from a file, the environment or, with a warning, the configuration.
    Clear(Box<[u8]>),
}

impl Password {
    /// A secret as it was found: a hash where it looks like one, else a password in clear.
    ///
    /// # Errors
    /// A text for the ops person where it begins like an argon2 hash and is none.
    pub fn parse(secret: &str) -> Result<Self, String> {
        if !secret.starts_with("$argon2") {
            return Ok(Password::Clear(secret.as_bytes().into()));
        }
        match PasswordHash::new(secret) {
            Ok(hash) if hash.salt.is_some() && hash.hash.is_some() => Ok(Password::Hash(secret.to_owned())),
            Ok(_) => Err("this argon2 hash is cut off: its salt or its hash is missing".to_owned()),
            Err(error) => {
                Err(format!("this is not an argon2 hash as `punchout-proxy hash-password` prints it ({error})"))
            }
        }
    }

    /// Whether `given` is the password. A hash takes tens of milliseconds of CPU on purpose: ask off the workers.
    pub fn is(&self, given: &[u8]) -> bool {
        self.is_by(&argon2, given)
    }

    fn is_by(&self, look: &Look<'_>, given: &[u8]) -> bool {
        match self {
            Password::Clear(password) => password.ct_eq(given).into(),
            Password::Hash(hash) => look(hash, given),
        }
    }

    /// As [`Password::is`], but a wrong one takes a hash's time also where the password is kept in clear, as an unknown
    /// buyer does: how long an answer takes must not tell which names exist.
    fn is_slowly(&self, look: &Look<'_>, given: &[u8]) -> bool {
        let right = self.is_by(look, given);
        if !right && matches!(self, Password::Clear(_)) {
            Password::nobody().is_by(look, given);
        }
        right
    }

    /// Whether a look at it takes as long as one at [`Password::nobody`].
    pub fn costs_as_nobodys(&self) -> bool {
        let costs = |hash: &str| {
            hash.rsplit_once('$').and_then(|(rest, _)| rest.rsplit_once('$')).map(|(costs, _)| costs.to_owned())
        };
        match self {
            Password::Clear(_) => true,
            Password::Hash(hash) => costs(hash) == costs(NOBODY),
        }
    }

    /// What to ask where there is no such buyer, so that the answer takes as long as for a wrong password.
    pub fn nobody() -> Self {
        Password::Hash(NOBODY.to_owned())
    }
}

/// What a buyer may send as PASSWORD: one, or while it is changed either of two.
#[derive(Clone, Debug)]
pub struct Passwords {
    current: Password,
    next: Option<Password>,
}

impl Passwords {
    /// `next` is taken as well, until it is the only one.
    pub fn new(current: Password, next: Option<Password>) -> Self {
        Passwords { current, next }
    }

    /// See [`Password::nobody`].
    pub fn nobody() -> Self {
        Passwords::new(Password::nobody(), None)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        1 + usize::from(self.next.is_some())
    }

    /// Whether `given` is one of them. What is wrong takes the time of `looks` hashes, the same for every name: one that
    /// took two would be the name of a buyer who is just changing its password. Ask off the workers.
    pub fn hold(&self, given: &[u8], looks: usize) -> bool {
        self.hold_by(&argon2, given, looks)
    }

    fn hold_by(&self, look: &Look<'_>, given: &[u8], looks: usize) -> bool {
        let right = std::iter::once(&self.current).chain(&self.next).any(|password| password.is_slowly(look, given));
        if !right {
            for _ in self.count()..looks {
                Password::nobody().is_by(look, given);
            }
        }
        right
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

fn argon2(hash: &str, given: &[u8]) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(given, &hash).is_ok())
}

/// The argon2id hash of `password` in PHC form, with a fresh salt and the costs OWASP asks for (19 MiB, 2 passes).
pub fn hash(password: &str) -> String {
    let mut salt = [0; 16];
    // Without randomness a salt would protect nobody.
    getrandom::fill(&mut salt).expect("the operating system gives random bytes");
    // Sixteen bytes are within the limits of a PHC salt, and these parameters within argon2's.
    let salt = SaltString::encode_b64(&salt).expect("16 bytes make a salt");
    let params = Params::new(19_456, 2, 1, None).expect("these are valid costs");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password(password.as_bytes(), &salt).expect("any password can be hashed").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_or_in_clear_and_no_other_is() {
        let hash = hash("blå;Bær 1");
        for password in [Password::parse(&hash).unwrap(), Password::parse("blå;Bær 1").unwrap()] {
            assert!(password.is("blå;Bær 1".as_bytes()));
            assert!(!password.is(b"blaa"));
            assert!(!password.is(b""));
            assert!(!format!("{password:?}").contains("Bær"));
        }
    }

    #[test]
    fn nobody_has_a_password_that_costs_as_much_and_is_never_right() {
        let Password::Hash(nobody) = Password::nobody() else { panic!("nobody's password is a hash") };
        assert_eq!(nobody.split('$').nth(3), hash("x").split('$').nth(3));
        assert!(PasswordHash::new(&nobody).is_ok());
        assert!(!Password::nobody().is(b""));
    }

    #[test]
    fn while_a_password_is_changed_both_are_right() {
        let (old, new) = (Password::parse("old").unwrap(), Password::parse(&hash("new")).unwrap());
        let both = Passwords::new(old.clone(), Some(new));
        assert!(both.hold(b"old", 2) && both.hold(b"new", 2) && !both.hold(b"other", 2));
        assert!(!Passwords::new(old, None).hold(b"new", 2));
        assert!(!Passwords::nobody().hold(b"", 2));
    }

    #[test]
    fn an_unknown_name_is_as_much_work_as_a_wrong_password() {
        use std::cell::Cell;
        let hashed = || Password::Hash(hash("right"));
        let clear = || Password::Clear((*b"right").into());
        let buyers = [
            Passwords::nobody(),
            Passwords::new(hashed(), None),
            Passwords::new(clear(), None),
            Passwords::new(hashed(), Some(hashed())),
            Passwords::new(clear(), Some(hashed())),
            Passwords::new(hashed(), Some(clear())),
            Passwords::new(clear(), Some(clear())),
        ];
        let looks = buyers.iter().map(Passwords::count).max().unwrap();
        for passwords in &buyers {
            for given in ["wrong", "", "righ", "right and more"] {
                let work = Cell::new(0);
                let count = |hash: &str, given: &[u8]| {
                    work.set(work.get() + 1);
                    assert!(Password::Hash(hash.to_owned()).costs_as_nobodys());
                    argon2(hash, given)
                };
                assert!(!passwords.hold_by(&count, given.as_bytes(), looks));
                assert_eq!(work.get(), looks, "{passwords:?}, {given:?}");
            }
        }
    }

    #[test]
    fn a_hash_of_other_costs_is_told_from_ours() {
        let costs = |hash: &str| Password::parse(hash).unwrap().costs_as_nobodys();
        assert!(costs(&hash("x")));
        assert!(!costs(&hash("x").replace("m=19456", "m=65536")));
        assert!(!costs(&hash("x").replace("$argon2id$", "$argon2i$")));
    }

    #[test]
    fn half_a_hash_is_refused() {
        assert!(Password::parse("$argon2id$v=19$m=1").is_err());
    }
}
