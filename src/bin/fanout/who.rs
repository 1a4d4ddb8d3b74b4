//! Who types a command, for logs and notes that others read.

use std::os::unix::fs::MetadataExt;

/// The user, by name and number, and the host.
pub(crate) fn am_i() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let uid = std::fs::metadata("/proc/self").map(|own| own.uid());
    let uid = uid.map_or_else(|_| String::new(), |uid| format!("({uid})"));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let host = host.ok().or_else(|| std::env::var("HOSTNAME").ok());
    format!(
        "{}{uid}@{}",
        user.unwrap_or_default(),
        host.as_deref().unwrap_or("unknown").trim()
    )
}
