//! One request, asked until there is an answer that can be understood, or until there is no use in
//! asking again.

use super::pace::{self, Now, TRIES, Wait, Window};
use super::{Answer, Get, Http, NoAnswer};

/// What is wrong with a page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaginationError {
    /// Cut off, HTML, or something else that is no page: asking again may help.
    #[error("the response is not a page of a list")]
    NotAPage,
    /// The link to the next page leads to another host, or to another list.
    #[error("the link to the next page points to another address")]
    ForeignLink,
    /// The link to the next page leads to this page or an earlier one, or the server sends the same
    /// page again.
    #[error("the link to the next page points to a page that was already read")]
    Loop,
    /// The list ends before as many records were sent as the server says that there are.
    #[error("the list has fewer records than the server's count")]
    Short,
}

/// How a request failed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failing {
    /// With a status.
    #[error("status {0}")]
    Status(u16),
    /// Without an answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// With something that is no page.
    #[error(transparent)]
    Page(#[from] PaginationError),
}

/// Why there is nothing to read.
pub(crate) enum Unanswered {
    /// Asking again would not help.
    Refused(u16),
    /// What came cannot be trusted.
    Page(PaginationError),
    /// The server fails, again and again.
    Down {
        /// How often it was tried.
        tries: u32,
        /// How it failed last.
        last: Failing,
    },
}

/// Asks for what `request` names, and lets `read` understand the answer.
pub(crate) async fn ask<T>(
    world: (&impl Http, &impl Wait, &Now),
    window: &Window,
    request: &Get,
    rng: &mut fastrand::Rng,
    read: impl Fn(&[u8]) -> Result<T, PaginationError>,
) -> Result<(Answer, T), Unanswered> {
    ask_with(world, window, (|| request.clone(), TRIES), rng, read).await
}

/// Asks so many times at most, with a request that is made anew for every try: a signature is good
/// for one.
pub(crate) async fn ask_with<T>(
    (http, wait, now): (&impl Http, &impl Wait, &Now),
    window: &Window,
    (make, most): (impl Fn() -> Get, u32),
    rng: &mut fastrand::Rng,
    read: impl Fn(&[u8]) -> Result<T, PaginationError>,
) -> Result<(Answer, T), Unanswered> {
    let mut last = Failing::Status(0);
    for tries in 0..most {
        loop {
            let full = window.before_request(now());
            if full.is_zero() {
                break;
            }
            wait.wait(full).await;
        }
        let pause = match http.get(make()).await {
            Ok(answer) => {
                window.note(&answer);
                match answer.status {
                    200 => match read(&answer.body) {
                        Ok(found) => return Ok((answer, found)),
                        Err(fault @ PaginationError::NotAPage) => {
                            last = fault.into();
                            pace::back_off(tries, rng)
                        }
                        Err(fault) => return Err(Unanswered::Page(fault)),
                    },
                    status @ 429 => {
                        last = Failing::Status(status);
                        pace::after_too_many(&answer, now(), tries, rng)
                    }
                    status @ (408 | 500 | 502..=599) => {
                        last = Failing::Status(status);
                        pace::back_off(tries, rng)
                    }
                    status => return Err(Unanswered::Refused(status)),
                }
            }
            Err(NoAnswer::Request) => {
                return Err(Unanswered::Down { tries: tries + 1, last: NoAnswer::Request.into() });
            }
            Err(error) => {
                last = error.into();
                pace::back_off(tries, rng)
            }
        };
        if tries + 1 < most {
            wait.wait(pause).await;
        }
    }
    Err(Unanswered::Down { tries: most, last })
}
