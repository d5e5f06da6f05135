//! The `evenkeel` binary: reads the command line, sets up the log, does what the command says.

use std::io::{self, Write};
use std::process::ExitCode;

use evenkeel::cli::{self, Log};
use evenkeel::{commands, plain};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The SDK's own events below this level hold whole requests and answers, and with them the secrets
/// in environments; so they have to be asked for by name, never by a mere `trace`.
const QUIET: &str = "aws_smithy_runtime=info,aws_runtime=info,aws_sigv4=info";

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            let failed = error.use_stderr();
            // Nothing can be said when standard output is gone.
            let _ = error.print();
            return ExitCode::from(if failed { commands::ERROR } else { commands::OK });
        }
    };
    if let Err(error) = log(cli.log, cli.log_filter()) {
        eprintln!("error: --log-filter: {error}");
        return ExitCode::from(commands::ERROR);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::from(commands::ERROR);
        }
    };
    runtime.block_on(commands::execute(cli))
}

fn log(form: Log, filter: &str) -> Result<(), tracing_subscriber::filter::ParseError> {
    let asked = EnvFilter::try_new(filter)?;
    let verbose = asked.max_level_hint().is_none_or(|level| level > LevelFilter::INFO);
    let filter = if verbose { EnvFilter::try_new(format!("{QUIET},{filter}"))? } else { asked };
    let terminal = io::IsTerminal::is_terminal(&io::stderr());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || Lines(form)).with_target(false);
    match form {
        Log::Text => log.with_ansi(terminal && std::env::var_os("NO_COLOR").is_none()).init(),
        Log::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Standard error, on which one event is one line, whatever the texts in it hold.
struct Lines(Log);

impl Write for Lines {
    /// tracing hands over each event whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let shown = match self.0 {
            Log::Json => plain::json(text.to_owned()),
            // Colours are tracing's own: it spells out those that others wrote.
            Log::Text => text.split('\x1b').map(plain::line).collect::<Vec<_>>().join("\x1b"),
        };
        io::stderr().write_all(format!("{shown}\n").as_bytes()).map(|()| event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
