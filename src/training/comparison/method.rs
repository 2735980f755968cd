//! The ways to get a task done that are compared.

/// A way to get a task done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// The base and the bare input.
    BaseBare,
    /// The base with the description in its prompt.
    BaseDescription,
    /// The base with three demonstrations in its prompt.
    BaseDemonstrations,
    /// The base with ten demonstrations in its prompt, or as many of them as fit.
    BaseDemonstrations10,
    /// The base with the description and three demonstrations in its prompt.
    BaseDescriptionDemonstrations,
    /// The mean of the training sample's generated adapters.
    MeanAdapter,
    /// The adapter of the mean condition: what the generator writes where it is told nothing.
    ConstantCondition,
    /// The adapter of a sentence of words drawn from other tasks' descriptions.
    RandomDescription,
    /// The adapter generated from another task's description.
    ShuffledDescription,
    /// The generated adapter of the nearest other training task.
    NearestAdapter,
    /// The generated adapters of the nearest four other training tasks, weighted by how near they are.
    NearestBlend,
    /// The adapter that the generator writes at the prior's mean for the task's description, and nothing more.
    PriorMean,
    /// What the service gives for the task's description: the prior's mean, settled where it is doubted.
    Generated,
    /// The same for the description and three demonstrations.
    GeneratedDemonstrated,
    /// The same for the description and ten demonstrations, or as many of them as fit.
    GeneratedDemonstrated10,
    /// The best on ten demonstrations of eight samples for the description. To be held against [`Self::PriorMean`].
    BestOfN,
    /// The best on ten demonstrations of eight samples for the description and these demonstrations, as the service
    /// makes it.
    BestOfNDemonstrated,
    /// Twenty gradient steps on ten demonstrations from what is written for the description and these.
    Refined,
    /// The same steps from no adapter at all. To be held against [`Self::Refined`].
    RefinedFromZero,
}

impl Method {
    /// All, in the order of reports.
    pub const ALL: [Self; 19] = [
        Self::BaseBare,
        Self::BaseDescription,
        Self::BaseDemonstrations,
        Self::BaseDemonstrations10,
        Self::BaseDescriptionDemonstrations,
        Self::MeanAdapter,
        Self::ConstantCondition,
        Self::RandomDescription,
        Self::ShuffledDescription,
        Self::NearestAdapter,
        Self::NearestBlend,
        Self::PriorMean,
        Self::Generated,
        Self::GeneratedDemonstrated,
        Self::GeneratedDemonstrated10,
        Self::BestOfN,
        Self::BestOfNDemonstrated,
        Self::Refined,
        Self::RefinedFromZero,
    ];

    /// Its key in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::BaseBare => "base_bare",
            Self::BaseDescription => "base_description",
            Self::BaseDemonstrations => "base_demonstrations",
            Self::BaseDemonstrations10 => "base_demonstrations_10",
            Self::BaseDescriptionDemonstrations => "base_description_demonstrations",
            Self::MeanAdapter => "mean_adapter",
            Self::ConstantCondition => "constant_condition",
            Self::RandomDescription => "random_description",
            Self::ShuffledDescription => "shuffled_description",
            Self::NearestAdapter => "nearest_adapter",
            Self::NearestBlend => "nearest_blend",
            Self::PriorMean => "prior_mean",
            Self::Generated => "generated",
            Self::GeneratedDemonstrated => "generated_demonstrated",
            Self::GeneratedDemonstrated10 => "generated_demonstrated_10",
            Self::BestOfN => "best_of_n",
            Self::BestOfNDemonstrated => "best_of_n_demonstrated",
            Self::Refined => "refined",
            Self::RefinedFromZero => "refined_from_zero",
        }
    }

    /// The method of this key.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether it comes out differently for each description of a task.
    pub(super) fn reads_description(self) -> bool {
        !matches!(
            self,
            Self::BaseBare
                | Self::BaseDemonstrations
                | Self::BaseDemonstrations10
                | Self::MeanAdapter
                | Self::ConstantCondition
                | Self::RefinedFromZero
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_a_key_of_its_own() {
        for method in Method::ALL {
            assert_eq!(Method::from_name(method.name()), Some(method));
        }
        assert_eq!(Method::from_name("magic"), None);
    }
}
