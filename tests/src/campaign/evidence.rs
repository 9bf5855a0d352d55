//! What has to be true after a round, and at the end.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Campaign;
use super::ledger::Record;
use super::words::Tally;

/// The texts of a review that REST shows, by comment.
pub(super) fn texts(review: &Value) -> Result<BTreeMap<String, String>> {
    let comments = review["comments"].as_array().context("comments")?;
    let text = |comment: &Value| {
        let (id, text) = (comment["id"].as_str()?, comment["text"].as_str()?);
        Some((id.to_owned(), text.to_owned()))
    };
    comments.iter().map(|comment| text(comment).context("a comment with an id and a text")).collect()
}

impl Campaign {
    pub(super) fn records(&self) -> Result<Vec<Record>> {
        self.people.iter().map(|person| person.record()).collect()
    }

    fn names(&self) -> Vec<String> {
        self.people.iter().map(|person| person.name.clone()).collect()
    }

    /// At every node what had been acknowledged is there, once, and nothing is that nobody typed.
    pub(super) async fn evidence(&self) -> Result<()> {
        // Before any server is asked: more may be acknowledged meanwhile. And after it: more may be typed.
        let before = self.records()?;
        let shown = self.nodes.shown().await?;
        let after = self.records()?;
        for (n, node) in shown.iter().enumerate() {
            self.is_there(&node.texts, &before, &after).with_context(|| format!("at node {n}"))?;
        }
        Ok(())
    }

    fn is_there(&self, texts: &BTreeMap<String, String>, before: &[Record], after: &[Record]) -> Result<()> {
        let tally = Tally::of(texts.values().map(String::as_str), &self.names())?;
        ensure!(tally.doubled().is_empty(), "{:?}", tally.doubled());
        for ((person, before), after) in self.people.iter().zip(before).zip(after) {
            let name = &person.name;
            let lost: Vec<_> = before.acked.iter().filter(|number| !tally.has(name, **number)).collect();
            ensure!(lost.is_empty(), "{name} had these acknowledged, and they are gone: {lost:?}");
            let found = tally.found.keys().filter(|(of, _)| of == name).map(|(_, number)| number);
            let unsaved: Vec<_> = found.filter(|number| !after.typed.contains_key(number)).collect();
            ensure!(unsaved.is_empty(), "{name} never typed {unsaved:?}");
        }
        Ok(())
    }

    /// Everything that was typed is there, once, but for what is known to have gone with a process.
    pub(super) fn everything(&mut self, texts: &BTreeMap<String, String>) -> Result<()> {
        let tally = Tally::of(texts.values().map(String::as_str), &self.names())?;
        ensure!(tally.doubled().is_empty(), "{:?}", tally.doubled());
        let records = self.records()?;
        let report = &mut self.report;
        for (at, (person, record)) in self.people.iter().zip(&records).enumerate() {
            let name = &person.name;
            let found = tally.found.keys().filter(|(of, _)| of == name);
            let found: BTreeSet<u32> = found.map(|(_, number)| *number).collect();
            let expected: BTreeSet<u32> =
                record.typed.keys().copied().filter(|number| !record.gone.contains(number)).collect();
            let missing: Vec<_> = expected.difference(&found).collect();
            ensure!(missing.is_empty(), "{name} typed these, and they are not there: {missing:?}");
            let risen: Vec<_> = found.difference(&expected).collect();
            ensure!(risen.is_empty(), "{name} had lost these, and they are there: {risen:?}");
            let unsure: Vec<_> = record.gone.intersection(&record.saved).collect();
            ensure!(unsure.is_empty(), "{name} had these saved, and they are gone: {unsure:?}");
            ensure!(record.acked == expected, "{name}: not everything was acknowledged in the end");
            report.typed += record.typed.len();
            report.saved += record.saved.len();
            report.gone += record.gone.len();
            // Which kill each of them went with: the first after it was typed.
            let mut at_once: BTreeMap<u64, (usize, u64)> = BTreeMap::new();
            for number in &record.gone {
                let typed = record.typed.get(number).copied().context("a word that was typed")?;
                let kill = self.ends.iter().find(|(of, ms)| *of == at && *ms >= typed).map(|(_, ms)| *ms);
                let kill = kill.with_context(|| format!("{name} lost {number} without a kill"))?;
                let (words, ms) = at_once.entry(kill).or_default();
                (*words, *ms) = (*words + 1, (*ms).max(kill - typed));
            }
            for (words, ms) in at_once.into_values() {
                report.gone_at_once = report.gone_at_once.max(words);
                report.gone_ms = report.gone_ms.max(ms);
            }
        }
        report.found = tally.found.len();
        report.slips = tally.slips;
        // A writer is in the midst of one word at most.
        let kills = report.writer_kills as usize;
        ensure!(tally.slips <= kills, "{} slips, of {kills} kills", tally.slips);
        Ok(())
    }
}
