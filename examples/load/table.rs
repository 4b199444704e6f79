//! The table that is printed at the end, ready for a README.

/// Rows of what was measured, the result, and the goal.
#[derive(Default)]
pub(crate) struct Table(Vec<[String; 3]>);

impl Table {
    pub(crate) fn row(&mut self, what: &str, result: &str, goal: &str) {
        eprintln!("{what}: {result}");
        self.0
            .push([what.to_owned(), result.to_owned(), goal.to_owned()]);
    }

    pub(crate) fn print(&self) {
        println!("| what | measured | goal |\n|---|---|---|");
        for [what, result, goal] in &self.0 {
            println!("| {what} | {result} | {goal} |");
        }
    }
}
