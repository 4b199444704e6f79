//! File descriptors: a shell's low limit is raised, and where it cannot be, idle connections make room.

use crate::support::{Folder, Server};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

/// The server under `ulimit -n` as a shell has it.
fn serve_under(folder: &Folder, limits: &str) -> Server {
    let mut shell = Command::new("sh");
    let inner = folder.command(&["serve", "--port", "0", "--json-ready"]);
    shell.args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")]);
    shell.arg(inner.get_program()).args(inner.get_args());
    Server::start(shell)
}

/// Asks on a connection that stays open; whether there was an answer.
fn is_answered(stream: &mut TcpStream, host: &str) -> bool {
    let head = format!("GET /api/health HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let mut answer = Vec::new();
    if stream.write_all(head.as_bytes()).is_err() {
        return false;
    }
    while !answer.ends_with(b"}") {
        let mut some = [0_u8; 1024];
        match stream.read(&mut some) {
            Ok(count @ 1..) => answer.extend_from_slice(&some[..count]),
            _ => return false,
        }
    }
    answer.starts_with(b"HTTP/1.1 200")
}

#[test]
fn more_clients_than_descriptors_are_all_answered() {
    for limits in ["ulimit -Sn 64", "ulimit -Sn 64; ulimit -Hn 64"] {
        let folder = Folder::new();
        let server = serve_under(&folder, limits);
        let host = server.url.trim_start_matches("http://").to_owned();
        let mut open = Vec::new();
        for number in 0..90 {
            let mut stream = TcpStream::connect(&host).expect("it listens");
            assert!(
                is_answered(&mut stream, &host),
                "{limits}: connection {number}"
            );
            open.push(stream);
        }
        let still_open = open
            .iter_mut()
            .filter_map(|stream| is_answered(stream, &host).then_some(()))
            .count();
        if limits.contains("-Hn") {
            assert!(still_open < 90, "{still_open}");
        } else {
            assert_eq!(still_open, 90);
        }
        server.stop();
    }
}
