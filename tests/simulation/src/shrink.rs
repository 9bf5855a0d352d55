//! Cuts a plan down to what it takes to fail in the same way.

use super::plan::{Form, Piece, Plan, Setup, Step};

/// How many histories are run at most to cut one down.
pub(super) const RUNS: usize = 4_000;

/// Cuts a plan down as far as it still `fails`.
pub fn shrink(plan: &Plan, fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut shrinker = Shrinker { best: plan.clone(), fails, runs: 0 };
    loop {
        let before = shrinker.best.clone();
        shrinker.drop_steps();
        shrinker.simplify();
        if shrinker.best == before || shrinker.runs >= RUNS {
            return shrinker.best;
        }
    }
}

/// Delta debugging (Zeller and Hildebrandt, 2002): drops ever smaller parts, as long as what is left still `fails`.
pub(super) fn drop_parts<T: Clone>(steps: &mut Vec<T>, mut fails: impl FnMut(&[T]) -> bool) {
    let mut size = steps.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..fewer.len().min(at + size));
            if fails(&fewer) {
                *steps = fewer;
            } else {
                at += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
}

struct Shrinker<F> {
    best: Plan,
    fails: F,
    runs: usize,
}

impl<F: FnMut(&Plan) -> bool> Shrinker<F> {
    /// Takes a plan if it fails in the same way.
    fn take(&mut self, plan: Plan) -> bool {
        self.runs += 1;
        let fails = self.runs <= RUNS && (self.fails)(&plan);
        if fails {
            self.best = plan;
        }
        fails
    }

    fn drop_steps(&mut self) {
        let mut steps = self.best.steps.clone();
        drop_parts(&mut steps, |steps| {
            let plan = Plan { steps: steps.to_vec(), ..self.best.clone() };
            self.take(plan)
        });
    }

    /// Tries plainer settings and plainer steps.
    fn simplify(&mut self) {
        let setups = (0..self.best.setup.clients.len()).flat_map(|c| {
            let mut plainer = vec![self.best.setup.clone(), self.best.setup.clone(), self.best.setup.clone()];
            plainer[0].clients[c].skew_ms = 0;
            plainer[1].clients[c].slow_disk = false;
            plainer[2].clients[c].user = c as u8;
            plainer
        });
        let mut setups: Vec<_> = setups.collect();
        for nodes in 1..self.best.setup.nodes {
            setups.insert(0, Setup { nodes, ..self.best.setup.clone() });
        }
        setups.push(Setup { comment_chars: 10_000, batch_changes: 200, ..self.best.setup.clone() });
        for setup in setups {
            if setup != self.best.setup {
                self.take(Plan { setup, ..self.best.clone() });
            }
        }
        for at in 0..self.best.steps.len() {
            for step in plainer(&self.best, &self.best.steps[at]) {
                let mut plan = self.best.clone();
                plan.steps[at] = step;
                self.take(plan);
            }
        }
    }
}

/// Plainer forms of a step.
fn plainer(plan: &Plan, step: &Step) -> Vec<Step> {
    let (clients, nodes) = (plan.setup.clients.len() as u8, plan.setup.nodes.max(1));
    let mut forms = Vec::new();
    let mut reduced = step.clone();
    match &mut reduced {
        Step::Edit { client, comment, pieces } | Step::SetText { client, comment, pieces } => {
            (*client, *comment) = (*client % clients, *comment % 8);
            for gone in (0..pieces.len()).filter(|_| pieces.len() > 1) {
                let mut fewer = pieces.clone();
                fewer.remove(gone);
                forms.push(with_pieces(step, fewer));
            }
            for (at, piece) in pieces.iter().enumerate() {
                for plain in [Piece { ink: 1, ..piece.clone() }, Piece { delete: 0, ..piece.clone() }] {
                    if plain != *piece {
                        let mut plainer = pieces.clone();
                        plainer[at] = plain;
                        forms.push(with_pieces(step, plainer));
                    }
                }
            }
        }
        Step::Comment { client, line, ink } => (*client, *line, *ink) = (*client % clients, *line % 8, 1),
        Step::Undo { client, comment, .. } => (*client, *comment) = (*client % clients, *comment % 8),
        Step::Reply { client, ink, .. } => (*client, *ink) = (*client % clients, 1),
        Step::Resolve { client, .. }
        | Step::Status { client, .. }
        | Step::Title { client }
        | Step::Remove { client, .. }
        | Step::Flush { client }
        | Step::Retry { client, .. }
        | Step::Discard { client, .. }
        | Step::Copy { client }
        | Step::Saved { client }
        | Step::SaveFails { client }
        | Step::Cut { client }
        | Step::Kick { client }
        | Step::Again { client }
        | Step::Break { client, .. }
        | Step::Echo { client, .. }
        | Step::Clock { client, .. }
        | Step::Up { client, .. }
        | Step::Down { client, .. }
        | Step::Away { client }
        | Step::Back { client } => *client %= clients,
        Step::Connect { client, node, waits, .. } => {
            (*client, *node, *waits) = (*client % clients, *node % nodes, 0);
            for form in [Form::Fitting, Form::Entries] {
                forms.push(Step::Connect { client: *client, node: *node, form, waits: 0 });
            }
        }
        Step::Restart { client, damage, .. } => {
            *client %= clients;
            if damage.is_some() {
                *damage = None;
            }
        }
        Step::Resync { client, node } => (*client, *node) = (*client % clients, *node % nodes),
        Step::Crash { node, .. }
        | Step::Start { node }
        | Step::Split { node }
        | Step::Join { node }
        | Step::TailCheck { node }
        | Step::PatchSet { node, .. }
        | Step::Snapshot { node }
        | Step::Hear { node, .. }
        | Step::NodeClock { node, .. }
        | Step::Commit { node, .. } => *node %= nodes,
        Step::Wait { .. } | Step::Calm { .. } | Step::Stale { .. } | Step::Land | Step::LandOne { .. } => {}
        Step::Trim { .. } | Step::BackUp | Step::SetBack { .. } => {}
    }
    if reduced != *step {
        forms.push(reduced);
    }
    forms
}

fn with_pieces(step: &Step, pieces: Vec<Piece>) -> Step {
    match *step {
        Step::SetText { client, comment, .. } => Step::SetText { client, comment, pieces },
        Step::Edit { client, comment, .. } => Step::Edit { client, comment, pieces },
        ref other => other.clone(),
    }
}
