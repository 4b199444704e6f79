//! A small HTTP API for workflows to call while you try them: two orders, and a chat that prints what it is told.
//! Listens on 127.0.0.1, on port 4000 or the one that is given (0: a free one), until it is stopped.
//!
//! `cargo run --release --example orders`

#![allow(clippy::print_stdout)]

use std::env;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

const ORDERS: [(&str, &str); 2] = [
    (
        "/orders/17",
        r#"{"id":17,"customer":"Ada","amount":1250.0}"#,
    ),
    (
        "/orders/18",
        r#"{"id":18,"customer":"Grace","amount":40.0}"#,
    ),
];
const MAX_BODY_BYTES: u64 = 64 * 1024;

fn main() -> io::Result<()> {
    let port = env::args().nth(1).unwrap_or_else(|| "4000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("orders are at http://{}", listener.local_addr()?);
    for connection in listener.incoming() {
        let connection = connection?;
        thread::spawn(move || answer(connection));
    }
    Ok(())
}

/// Reads one request and answers it; the connection is closed after that.
fn answer(connection: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut first_line = String::new();
    reader.read_line(&mut first_line)?;
    let mut body_bytes = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            body_bytes = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = String::new();
    reader
        .by_ref()
        .take(MAX_BODY_BYTES.min(body_bytes))
        .read_to_string(&mut body)?;

    let mut words = first_line.split_whitespace();
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let (status, answer) = match (method, path) {
        ("POST", "/chat") => {
            println!("chat: {body}");
            ("200 OK", r#"{"sent":true}"#)
        }
        ("GET", path) => match ORDERS.iter().find(|(known, _)| *known == path) {
            Some((_, order)) => ("200 OK", *order),
            None => ("404 Not Found", r#"{"error":"there is no such order"}"#),
        },
        _ => ("404 Not Found", r#"{"error":"there is nothing here"}"#),
    };
    let length = answer.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n"
    );
    reader
        .get_mut()
        .write_all(format!("{head}\r\n{answer}").as_bytes())
}
