//! Private clusters, started by `dev/server`, and databases in them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, Once, PoisonError};

use postgres::{Client, Config, NoTls};

/// Settings for starting a server, as variables that `dev/cluster.sh` reads.
#[derive(Clone, Copy, Default)]
pub struct Settings<'a> {
    /// The start of its clock, such as `2024-02-29 23:59:55`, in UTC.
    pub clock: &'a str,
    /// A file with the time at which the clock stands.
    pub clock_file: &'a str,
    /// Further server options, such as `-c jit=off`.
    pub options: &'a str,
    /// An environment variable, such as `RUST_BACKTRACE=1`.
    pub environment: &'a str,
}

/// A private Postgres server, removed when the test's process ends.
pub struct Cluster {
    name: String,
    socket: PathBuf,
    port: u16,
    statement_timeout: &'static str,
}

impl Cluster {
    pub fn create(name: &str) -> Self {
        Self::create_with(name, Settings::default())
    }

    pub fn create_with(name: &str, settings: Settings) -> Self {
        Self::start(&["create", name], name, settings)
    }

    /// A cluster whose clock starts at this time.
    pub fn create_at(name: &str, clock: &str) -> Self {
        Self::create_with(name, Settings { clock, ..Settings::default() })
    }

    /// A cluster whose clock stands still, at the time that the result says.
    pub fn create_frozen(name: &str) -> (Self, Clock) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.pg");
        std::fs::create_dir_all(&folder).expect("a folder");
        let clock = Clock(folder.canonicalize().expect("a folder").join(format!("{name}.clock")));
        clock.set("2025-02-10 12:00:00");
        let clock_file = clock.0.to_str().expect("a path in UTF-8");
        let cluster = Self::create_with(name, Settings { clock_file, ..Settings::default() });
        // Timeouts go by the real time as well as by the clock, and would fire while it stands.
        (Self { statement_timeout: "0", ..cluster }, clock)
    }

    /// A hot standby of this cluster.
    pub fn standby_at(&self, name: &str, clock: &str) -> Self {
        let settings = Settings { clock, ..Settings::default() };
        Self::start(&["standby", name, &self.name], name, settings)
    }

    fn start(arguments: &[&str], name: &str, settings: Settings) -> Self {
        remove_at_exit(name);
        server(arguments, settings);
        Self::running(name)
    }

    /// A cluster that is running already.
    pub fn running(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            socket: server(&["socket", name], Settings::default()).into(),
            port: server(&["port"], Settings::default()).parse().expect("a port"),
            statement_timeout: "120s",
        }
    }

    /// A database that exists already.
    pub fn existing(&self, name: &str) -> Database {
        let (name, socket) = (name.to_owned(), self.socket.clone());
        Database { name, socket, port: self.port, statement_timeout: self.statement_timeout }
    }

    /// A new database without the extension.
    pub fn empty_database(&self, name: &str) -> Database {
        let mut client = self.existing("postgres").connect();
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).expect(name);
        self.existing(name)
    }

    /// A new database with the extension.
    pub fn database(&self, name: &str) -> Database {
        let database = self.empty_database(name);
        database.execute("CREATE EXTENSION feature_usage");
        database
    }
}

/// The clock of a server, which stands still between two times.
pub struct Clock(PathBuf);

impl Clock {
    /// Sets the clock to a time in UTC, such as `2025-02-10 11:59:59.999999`.
    pub fn set(&self, time: &str) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, format!("{time}\n")).expect("a file");
        // In one step: the server reads the file whenever it asks for the time.
        std::fs::rename(&next, &self.0).expect("a file");
    }
}

/// A database of a cluster.
pub struct Database {
    pub name: String,
    socket: PathBuf,
    port: u16,
    statement_timeout: &'static str,
}

impl Database {
    /// A new session, with a statement timeout: no statement in these tests takes long.
    pub fn connect(&self) -> Client {
        let mut config = Config::new();
        config.host_path(&self.socket).port(self.port).user("postgres").dbname(&self.name).options(
            &format!(
                "-c statement_timeout={} -c client_min_messages=error",
                self.statement_timeout
            ),
        );
        config.connect(NoTls).expect("a session")
    }

    /// The connection string for another server.
    pub fn conninfo(&self) -> String {
        let (socket, port) = (self.socket.display(), self.port);
        format!("host={socket} port={port} user=postgres dbname={}", self.name)
    }

    /// Executes statements in a new session.
    pub fn execute(&self, statements: &str) {
        self.connect().batch_execute(statements).expect(statements);
    }

    /// Runs a Postgres client program on this database, and returns its output.
    pub fn run(&self, name: &str, arguments: &[&str], input: &str) -> String {
        self.run_program(&program(name), arguments, input)
    }

    fn run_program(&self, program: &Path, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(format!("--dbname={}", self.name))
            .env("PGHOST", &self.socket)
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres");
        output_of(&mut command, input)
    }

    /// Executes a script with psql, which goes on after errors, and returns them in their place.
    pub fn psql_with_errors(&self, script: &str) -> String {
        let psql = program("psql");
        let merged = ["-c", "exec \"$0\" \"$@\" 2>&1", psql.to_str().expect("UTF-8")];
        let arguments = [&merged[..], &["--no-psqlrc", "--quiet"]].concat();
        self.run_program("sh".as_ref(), &arguments, script)
    }

    /// Executes a script with psql, which stops at the first error.
    pub fn psql(&self, script: &str) -> String {
        let arguments = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"];
        self.run("psql", &arguments, script)
    }
}

/// A client program of the Postgres under test.
pub fn program(name: &str) -> PathBuf {
    let pg_config = std::env::var("PG_CONFIG")
        .unwrap_or_else(|_| "/usr/lib/postgresql/15/bin/pg_config".to_owned());
    Path::new(&pg_config).with_file_name(name)
}

fn server(arguments: &[&str], settings: Settings) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dev/server");
    let mut command = Command::new(script);
    command
        .args(arguments)
        .env("CLUSTER_CLOCK", settings.clock)
        .env("CLUSTER_CLOCK_FILE", settings.clock_file)
        .env("CLUSTER_OPTIONS", settings.options)
        .env("CLUSTER_ENVIRONMENT", settings.environment);
    output_of(&mut command, "").trim().to_owned()
}

fn output_of(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program that can be run");
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        // A program that fails early does not read all of its input; it reports the reason itself.
        scope.spawn(move || stdin.write_all(input.as_bytes()).ok());
        child.wait_with_output().expect("a program that ends")
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

static CLUSTERS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Statics are never dropped, but even a failing test must remove its server.
pub fn remove_at_exit(name: &str) {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // SAFETY: the function exists until the process has ended.
        let code = unsafe { libc::atexit(remove_clusters) };
        assert_eq!(code, 0, "atexit");
    });
    CLUSTERS.lock().expect("the names").push(name.to_owned());
}

extern "C" fn remove_clusters() {
    let mut clusters = CLUSTERS.lock().unwrap_or_else(PoisonError::into_inner);
    // In reverse order: a standby before its primary.
    for name in clusters.drain(..).rev() {
        let removed = std::panic::catch_unwind(|| server(&["remove", &name], Settings::default()));
        if removed.is_err() {
            eprintln!("cluster {name} could not be removed");
        }
    }
}
