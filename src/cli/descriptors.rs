//! How many files and connections the system lets the process hold. Shells commonly give 1,024 although far more are
//! allowed, which is less than the connections that the server promises. Promise: asks for no more than is allowed.

/// Takes as many file descriptors as are allowed. Where that fails, the server works with those that it has.
#[cfg(unix)]
pub(super) fn take_all_allowed() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::warn!("the limit of open files stays as it is: {error}");
    }
}

/// Only Unix systems have such a limit.
#[cfg(not(unix))]
pub(super) fn take_all_allowed() {}
