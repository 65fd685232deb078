//! The fake AWS as a program, for the demo and for scripts. See `rolecall_tests::fake_aws`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
use rolecall_tests::fake_aws::{Config, FakeAws};

/// A fake of AWS STS on loopback. Steer it under /_control/ on the same port.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 is any free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Users and roles, as TOML
    #[arg(long)]
    config: PathBuf,
    /// Write the port here once it listens
    #[arg(long)]
    port_file: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let path = &arguments.config;
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let config = Config::from_toml(&text).with_context(|| format!("in {}", path.display()))?;
    let fake = FakeAws::start_at(arguments.listen, &config)
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    if let Some(path) = &arguments.port_file {
        write_port(path, fake.address().port())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    writeln!(std::io::stdout(), "{}", fake.url())?;
    loop {
        std::thread::park();
    }
}

/// Who waits for the file never sees half of it.
fn write_port(path: &Path, port: u16) -> anyhow::Result<()> {
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    writeln!(file, "{port}")?;
    file.persist(path)?;
    Ok(())
}
