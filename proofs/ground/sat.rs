//! A SAT solver: batsat, after MiniSat (Eén and Sörensson 2003). It is not trusted: its learned
//! clauses are checked.

use batsat::{Callbacks, ClauseKind, Lit, Solver, SolverInterface, SolverOpts, lbool};

/// A literal as in DIMACS: a variable from 1 on, negative if it is negated.
pub(in super::super) type Number = i32;

/// The learned clauses, as the solver reports them.
#[derive(Default)]
struct Learned(Vec<Vec<Number>>);

impl Callbacks for Learned {
    fn on_new_clause(&mut self, clause: &[Lit], _: ClauseKind) {
        self.0.push(clause.iter().map(|literal| number(*literal)).collect());
    }
}

/// A set of clauses with an incremental solver.
pub(in super::super) struct Sat {
    solver: Solver<Learned>,
}

fn number(literal: Lit) -> Number {
    let var = literal.var().idx() as Number + 1;
    if literal.sign() { var } else { -var }
}

impl Sat {
    /// A solver without clauses.
    pub(in super::super) fn new() -> Self {
        Sat { solver: Solver::new(SolverOpts::default(), Learned::default()) }
    }

    fn literal(&mut self, number: Number) -> Lit {
        let var = self.solver.var_of_int(number.unsigned_abs() - 1);
        Lit::new(var, number > 0)
    }

    /// Adds a clause: one of these must be true.
    pub(in super::super) fn add(&mut self, clause: &[Number]) {
        let mut clause: Vec<Lit> = clause.iter().map(|number| self.literal(*number)).collect();
        self.solver.add_clause_reuse(&mut clause);
    }

    /// True if all clauses can be true together with these assumptions.
    pub(in super::super) fn solve(&mut self, assumed: &[Number]) -> bool {
        let assumed: Vec<Lit> = assumed.iter().map(|number| self.literal(*number)).collect();
        self.solver.solve_limited(&assumed) == lbool::TRUE
    }

    /// True if this variable is true in the model of the last successful `solve`.
    pub(in super::super) fn is_true(&self, number: Number) -> bool {
        let place = number.unsigned_abs() as usize - 1;
        self.solver.get_model().get(place) == Some(&lbool::TRUE)
    }

    /// The assumptions that cannot be true together, after an unsuccessful `solve`.
    pub(in super::super) fn core(&self) -> Vec<Number> {
        self.solver.unsat_core().iter().map(|literal| -number(*literal)).collect()
    }

    /// The learned clauses, in order: each follows from the clauses added and from those before it.
    pub(in super::super) fn learned(&self) -> &[Vec<Number>] {
        &self.solver.cb().0
    }
}
