//! The table of sources, and the functions that choose one of them.

use roster::settings::{ClassLink, Clever, Pulled};
use tracing::info;

use crate::discovery::{self, DiscoverySummary};
use crate::pull::PullWork;
use crate::request::DiscoveryScope;
use crate::source::Discover;
use crate::{Config, PullFailure, PullOutcome, Services, Storage};

/// Defines the functions that choose a source, from a table with one line for each source. A source
/// with a list of connected districts is marked with the trait [`Discover`].
macro_rules! registry {
    ($($source:ident $(: $discover:ident)?),* $(,)?) => {
        /// The names of the sources with a list of connected districts.
        pub(crate) const WITH_DISCOVERY: &[&str] =
            &[$($(<$source as $discover>::LIST,)?)*];

        /// Runs a pull of a district from its source.
        pub(crate) async fn pull<S: Services>(
            work: &mut PullWork<'_, S>,
            source: Pulled<'_>,
        ) -> Result<PullOutcome, PullFailure> {
            match source {
                $(Pulled::$source(settings) => Box::pin(work.run(settings)).await,)*
            }
        }

        /// Polls the lists of connected districts that the scope includes.
        ///
        /// # Errors
        /// The first error, after all lists were polled: one that cannot be read does not keep the
        /// others from being polled.
        pub(crate) async fn discover<S: Services>(
            config: &Config,
            storage: &Storage<S>,
            scope: &DiscoveryScope,
        ) -> Result<DiscoverySummary, PullFailure> {
            let polls = [
                $($({
                    let list = <$source as $discover>::LIST;
                    discovery::poll::<$source, S>(config, storage, scope, list).await
                },)?)*
            ];
            let mut summary = DiscoverySummary::default();
            for polled in polls {
                summary = summary.and(polled?);
            }
            info!(?summary, "read the lists of connected districts");
            Ok(summary)
        }
    };
}

registry! {
    Clever: Discover,
    OneRoster,
    ClassLink: Discover,
}
