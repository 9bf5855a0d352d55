//! Two processes edit one comment while the server is killed again and again.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use interline_tests::DEADLINE;
use interline_tests::server::Server;

const COUNT: usize = 300;
const KILLS: usize = 5;

/// A typist process, and what it has said so far.
struct Typist {
    name: &'static str,
    child: Child,
    said: Receiver<String>,
    acked: usize,
    text: Option<String>,
}

impl Typist {
    fn start(server: &Server, name: &'static str) -> Result<Typist> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_typist"));
        command.args([server.url(), "crash", name, &COUNT.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("a piped stdout")?;
        let (send, said) = channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        Ok(Typist { name, child, said, acked: 0, text: None })
    }

    fn listen(&mut self) -> Result<()> {
        for line in self.said.try_iter() {
            match line.split_once(' ') {
                Some(("acked", n)) => self.acked = n.parse()?,
                Some(("text", text)) => self.text = Some(text.to_owned()),
                _ => bail!("{} said {line}", self.name),
            }
        }
        if self.text.is_none() && self.child.try_wait()?.is_some_and(|status| !status.success()) {
            bail!("{} ended early", self.name);
        }
        Ok(())
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed() -> Result<()> {
    let mut server = Server::start()?;
    server.create_review("crash")?;
    let mut typists = [Typist::start(&server, "first")?, Typist::start(&server, "second")?];
    let mut end = Instant::now() + DEADLINE;
    let mut kills = 0;
    while typists.iter().any(|typist| typist.text.is_none()) {
        assert!(Instant::now() < end, "the typists did not finish");
        typists.iter_mut().try_for_each(Typist::listen)?;
        // Kill it whenever both are well under way: at a sixth, two sixths, ...
        let progress = typists.iter().map(|typist| typist.acked).min().unwrap_or(0);
        if kills < KILLS && progress > COUNT * (kills + 1) / (KILLS + 1) {
            server.kill()?;
            kills += 1;
            typists.iter_mut().try_for_each(Typist::listen)?;
            server.restart()?;
            let text = text(&server)?;
            for typist in &typists {
                check(&text, typist.name, typist.acked);
            }
            end = Instant::now() + DEADLINE;
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
    assert_eq!(kills, KILLS, "the server was killed while they typed");
    let text = text(&server)?;
    for typist in &typists {
        check(&text, typist.name, COUNT);
        assert_eq!(typist.text.as_deref(), Some(text.as_str()), "{} shows what is stored", typist.name);
    }
    assert_eq!(text.matches('<').count(), 2 * COUNT, "and nothing else");
    Ok(())
}

fn text(server: &Server) -> Result<String> {
    let review = server.review("crash")?;
    Ok(review["comments"][0]["text"].as_str().unwrap_or_default().to_owned())
}

fn check(text: &str, name: &str, acked: usize) {
    for n in 0..acked {
        let word = format!("<{name} {n}>");
        assert_eq!(text.matches(&word).count(), 1, "{word} was acknowledged, of {acked}; the text is {text}");
    }
}
