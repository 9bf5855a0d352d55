//! A PostgreSQL.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::leash::Leashed;
use crate::{DEADLINE, free_port, left_out};

/// The role that owns everything.
const USER: &str = "interline";
/// Where distributions install it outside of PATH, a folder for each release.
const PLACES: [&str; 3] = ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt"];
/// How many ports are tried.
const TRIES: usize = 3;

/// The one that the tests of a program share, for as long as one of them uses it.
static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

/// A PostgreSQL of the tests' own: its folder holds the data, the log and a socket.
#[derive(Debug)]
pub struct Postgres {
    process: Mutex<Option<Leashed>>,
    bin: PathBuf,
    port: u16,
    databases: AtomicU32,
    /// The user and the group that it has to run as, where this one is root: it refuses to.
    other: Option<(u32, u32)>,
    folder: TempDir,
}

/// A database of a test's own.
#[derive(Clone, Debug)]
pub struct Database {
    postgres: Arc<Postgres>,
    name: String,
}

impl Postgres {
    /// The one that all tests of a program share; nothing where the tests do without.
    pub fn shared() -> Result<Option<Arc<Postgres>>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Ok(Some(running));
        }
        let started = Postgres::start()?;
        if let Some(started) = &started {
            *shared = Arc::downgrade(started);
        }
        Ok(started)
    }

    /// One for a test that stops or kills it; nothing where the tests do without.
    pub fn start() -> Result<Option<Arc<Postgres>>> {
        if left_out("postgres") {
            return Ok(None);
        }
        let bin = programs()?;
        let other = other_user()?;
        let folder = tempfile::Builder::new().prefix("interline-pg-").tempdir()?;
        if let Some((user, group)) = other {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let (process, databases) = (Mutex::new(None), AtomicU32::new(0));
        let mut postgres = Postgres { process, bin, port: free_port()?, databases, other, folder };
        let data = postgres.data().display().to_string();
        // Nobody would miss it after a crash of the machine.
        let arguments = [
            "--pgdata",
            &data,
            "--username",
            USER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ];
        let mut initdb = postgres.command("initdb");
        let made = initdb.args(arguments).output().context("cannot start initdb")?;
        ensure!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        for _ in 1..TRIES {
            if postgres.restart().is_ok() {
                return Ok(Some(Arc::new(postgres)));
            }
            // Somebody else may have been quicker to take the port.
            postgres.port = free_port()?;
        }
        postgres.restart()?;
        Ok(Some(Arc::new(postgres)))
    }

    /// A new, empty database.
    pub fn database(self: &Arc<Postgres>) -> Result<Database> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(Database { postgres: self.clone(), name })
    }

    /// What `psql` prints of a query to a database: a line for each row, columns between bars.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.command("psql");
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1"]);
        psql.args(["--username", USER, "--dbname", database, "--port", &self.port.to_string()]);
        psql.arg("--host").arg(self.folder.path()).args(["--command", sql]);
        let output = psql.output().context("cannot start psql")?;
        ensure!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// Stops it as a crash would: every process is killed, nothing is finished.
    pub fn crash(&self) -> Result<()> {
        let process = self.process().take();
        let Some(process) = process else { return Ok(()) };
        process.signal("QUIT")?;
        process.gone()
    }

    /// Kills its main process (SIGKILL), which finishes nothing; the others end once they see that.
    pub fn kill(&self) -> Result<()> {
        let process = self.process().take();
        let Some(process) = process else { return Ok(()) };
        process.signal("KILL")?;
        process.gone()
    }

    /// Kills one of its processes, as the kernel does that is out of memory. PostgreSQL then ends all sessions, and
    /// recovers.
    pub fn kill_backend(&self, pid: u32) -> Result<()> {
        let killed =
            Command::new("kill").args(["-s", "KILL", &pid.to_string()]).stderr(Stdio::null()).status()?;
        ensure!(killed.success(), "there is no process {pid}");
        Ok(())
    }

    /// Starts it again on the same port and the same data.
    pub fn restart(&self) -> Result<()> {
        let data = self.data().display().to_string();
        let (port, folder) = (self.port.to_string(), self.folder.path().display().to_string());
        let program = self.bin.join("postgres").display().to_string();
        let settings = [
            format!("port={port}"),
            format!("unix_socket_directories={folder}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "max_connections=200".to_owned(),
            "shared_buffers=64MB".to_owned(),
            // What is left of others after a crash of the test's process shall not be in the way.
            "dynamic_shared_memory_type=mmap".to_owned(),
        ];
        let mut arguments = vec![program, "-D".to_owned(), data];
        if cfg!(target_os = "linux") {
            // After a crash: at once, instead of file by file.
            arguments.extend(["-c", "recovery_init_sync_method=syncfs"].map(str::to_owned));
        }
        arguments.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log"))?;
        let prepare = |command: &mut Command| {
            command.stderr(log);
            self.run_as_other(command);
        };
        let mut held = self.process();
        *held = None;
        let process = Leashed::start("INT", &arguments, prepare)?;
        let end = Instant::now() + DEADLINE;
        while self.sql("postgres", "SELECT 1").is_err() {
            if !process.lives() || Instant::now() > end {
                bail!("PostgreSQL does not start: {}", self.log());
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        *held = Some(process);
        Ok(())
    }

    /// Starts it again as a standby, of a primary that is gone: it can be read, and takes no writes.
    pub fn demote(&self) -> Result<()> {
        self.crash()?;
        fs::write(self.data().join("standby.signal"), "")?;
        self.restart()
    }

    /// A standby of this one, with a folder and a port of its own, which follows it from now on.
    pub fn standby(&self) -> Result<Arc<Postgres>> {
        let folder = tempfile::Builder::new().prefix("interline-pg-").tempdir()?;
        if let Some((user, group)) = self.other {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let (process, databases) = (Mutex::new(None), AtomicU32::new(0));
        let (bin, other) = (self.bin.clone(), self.other);
        let standby = Postgres { process, bin, port: free_port()?, databases, other, folder };
        let mut copy = standby.command("pg_basebackup");
        copy.arg("--pgdata").arg(standby.data()).arg("--host").arg(self.folder.path());
        copy.args(["--port", &self.port.to_string(), "--username", USER, "--write-recovery-conf"]);
        let made = copy.args(["--checkpoint", "fast", "--no-sync"]).output()?;
        ensure!(made.status.success(), "no copy is made: {}", String::from_utf8_lossy(&made.stderr));
        standby.restart()?;
        Ok(Arc::new(standby))
    }

    /// Has a standby follow its primary by a port on 127.0.0.1, such as that of a proxy before it.
    pub fn follow(&self, port: u16) -> Result<()> {
        let way = format!("host=127.0.0.1 port={port} user={USER}");
        self.sql("postgres", &format!("ALTER SYSTEM SET primary_conninfo = '{way}'"))?;
        self.sql("postgres", "SELECT pg_reload_conf()").map(drop)
    }

    /// Makes a standby the primary.
    pub fn promote(&self) -> Result<()> {
        ensure!(self.sql("postgres", "SELECT pg_promote()")? == "t", "it is not promoted: {}", self.log());
        Ok(())
    }

    /// Takes connections over TLS from now on, beside plain ones.
    pub fn secure(&self, certificate: &str, key: &str) -> Result<()> {
        for (file, contents) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.data().join(file);
            fs::write(&path, contents)?;
            // It refuses a key that others can read.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            if let Some((user, group)) = self.other {
                chown(&path, Some(user), Some(group))?;
            }
        }
        self.sql("postgres", "ALTER SYSTEM SET ssl = on")?;
        self.restart()
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of one of its databases, which need not exist.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Leashed>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.stdin(Stdio::null()).current_dir("/");
        self.run_as_other(&mut command);
        command
    }

    fn run_as_other(&self, command: &mut Command) {
        if let Some((user, group)) = self.other {
            command.uid(user).gid(group);
        }
    }
}

impl Database {
    /// Its address, as `--database-url` takes it.
    pub fn url(&self) -> String {
        self.postgres.url(&self.name)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server that it is in.
    pub fn postgres(&self) -> &Arc<Postgres> {
        &self.postgres
    }

    /// See [`Postgres::sql`].
    pub fn sql(&self, sql: &str) -> Result<String> {
        self.postgres.sql(&self.name, sql)
    }

    /// A copy as it is now, under another name. Nobody may be connected.
    pub fn copy(&self) -> Result<Database> {
        let copy = format!("{}_{}", self.name, self.postgres.databases.fetch_add(1, Ordering::Relaxed));
        self.postgres.sql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE {}", self.name))?;
        Ok(Database { postgres: self.postgres.clone(), name: copy })
    }
}

/// The folder of PostgreSQL's programs: `$PG_BIN`, or that of the newest release in the usual places, or of PATH.
fn programs() -> Result<PathBuf> {
    let whole = |folder: &Path| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file());
    if let Some(chosen) = std::env::var_os("PG_BIN").filter(|path| !path.is_empty()) {
        let chosen = PathBuf::from(chosen);
        ensure!(whole(&chosen), "PG_BIN={}: initdb, postgres or psql is not there", chosen.display());
        return Ok(chosen);
    }
    let mut installed: Vec<(u32, PathBuf)> = Vec::new();
    for release in PLACES.iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten() {
        let name = release.file_name().to_string_lossy().replace("postgresql@", "");
        if let (Ok(number), bin) = (name.parse(), release.path().join("bin")) {
            installed.push((number, bin));
        }
    }
    installed.sort_by(|one, other| other.cmp(one));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = installed.into_iter().map(|(_, bin)| bin).chain(std::env::split_paths(&path));
    folders.into_iter().find(|folder| whole(folder)).context(
        "PostgreSQL is not installed: install it (on Debian the package postgresql), set PG_BIN to the folder of its \
         programs, or do without by INTERLINE_WITHOUT=postgres",
    )
}

/// The user and the group `postgres`, where this process is root's.
fn other_user() -> Result<Option<(u32, u32)>> {
    let id = |arguments: &[&str]| -> Result<u32> {
        let output = Command::new("id").args(arguments).output()?;
        ensure!(output.status.success(), "there is no user postgres, and PostgreSQL does not run as root");
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    if id(&["-u"])? != 0 {
        return Ok(None);
    }
    Ok(Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?)))
}
