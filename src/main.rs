//! The `flowlatch` binary. Everything it does is in the library's `cli`.

fn main() -> std::process::ExitCode {
    flowlatch::cli::run()
}
