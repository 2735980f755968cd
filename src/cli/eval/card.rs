//! The model card, in Markdown.

use super::recorded::ICM_CONV;
use super::report::{Report, cell};
use std::fmt::Write as _;

impl Report<'_> {
    /// The card's text.
    pub(super) fn card(&self) -> String {
        let mut text = self.card_head();
        let columns = &self.figures.columns;
        for column in columns {
            let _ = write!(text, " {} ({}) |", column.group.name(), column.tasks);
        }
        let _ = write!(text, "\n|---|{}", "---|".repeat(columns.len()));
        for (name, figures) in self.rows() {
            let _ = write!(text, "\n| {} |", self.marked(name).replace('*', "\\*"));
            for figure in figures {
                let _ = write!(text, " {} |", cell(figure, 2).unwrap_or_else(|| "–".into()));
            }
        }
        text.push_str("\n\n± is half of the 95 % interval, by bootstrap over tasks.\n");
        for line in self.remarks() {
            let _ = write!(text, "\n- {line}");
        }
        let _ = write!(
            text,
            "\n\n\\* Recorded when the model was made: `trained_lora` is each task's own adapter, trained on its \
             examples; `generated_icm_conv` is the paper's architecture, trained by the same trainer on the same \
             corpus{}. A step of the paper's convolutions takes some seven times as long as one of the generator beside \
             it. `attune eval --retrain` makes both anew.\n\n\
             ## What it does not do\n\n\
             - Families of tasks that training never saw (`heldout_families`) are beyond it, as they are beyond \
             its base.\n\
             - Facts that were only ever stated, never asked for, are not recalled by an adapter either.\n\
             - Inputs longer than about 24 characters and words outside its lists are unlike what it was trained on.\n",
            self.trained_for()
        );
        text
    }

    fn trained_for(&self) -> String {
        let minutes = |method: &str| self.recorded.minutes.get(method);
        let own = minutes("generated").map_or_else(String::new, |minutes| format!(" (the generator: {minutes:.0})"));
        minutes(ICM_CONV).map_or_else(String::new, |minutes| format!(" for {minutes:.0} minutes on two cores{own}"))
    }

    fn card_head(&self) -> String {
        let config = self.base.model().config();
        format!(
            "# The demo model\n\n\
             Written by `attune eval --card`; do not edit by hand.\n\n\
             A byte-level Llama of {:.2} M parameters ({} layers, width {}, {} heads, context {}) and a generator of \
             LoRA weights for it, made by `attune demo build` on two CPU cores from text and tasks that the project \
             itself writes. It is small enough to run anywhere and real enough to show each part of the method; it is \
             no general assistant: it knows the words and tasks of its suite.\n\n\
             - base digest `{}`\n- generator digest `{}`\n\n\
             ## Exact match on unseen inputs\n\n\
             Greedy, one adapter or prompt a description, averaged over descriptions, seeds ({}) and tasks. `train` and \
             `paraphrases` are the same {} training tasks, by descriptions that training saw and did not see; the \
             held-out groups are the halves that were not looked at while the model was made; `free_descriptions` are \
             tasks in the words of somebody who had not seen how the other descriptions are made.\n\n| method |",
            self.base.parameters() as f64 / 1e6,
            config.layers(),
            config.hidden_size,
            config.heads,
            config.context,
            self.base.digest(),
            self.generator,
            self.seeds,
            self.figures.columns.first().map_or(0, |column| column.tasks),
        )
    }
}
