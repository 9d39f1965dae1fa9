//! The binary.

fn main() -> std::process::ExitCode {
    hipaa_operator::cli::main()
}
