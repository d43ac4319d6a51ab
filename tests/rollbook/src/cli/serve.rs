//! `serve`: runs everything until Ctrl-C.

use std::fmt::Write as _;

use clap::Args;
use districts::{District, Size};
use stack::{CLASSLINK_KEY, CLEVER_CLIENT, INBOX, INTERNAL, PULL, Stack, TABLE, WEBHOOK_KEYS};

use super::outcome::print;
use super::progress::Progress;
use super::{End, Fault, Place, describe};

/// Number of students in the district at the simulated Clever.
const CLEVER_STUDENTS: u64 = 200;

/// Tenant id of the district at the simulated ClassLink.
const TENANT: u64 = 4711;

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    place: Place,
}

impl Serve {
    pub(super) async fn run(self) -> Result<End, Fault> {
        let progress = Progress::new();
        let (folder, _) = self.place.folder();
        let stack = self.place.stack(folder, &progress).await?;
        let at = stack.endpoints();
        let mut text =
            format!("Rollbook is running. Its data folder is {}.\n\n", stack.data().display());
        for (name, url) in [
            ("API", &at.api),
            ("DynamoDB", &at.dynamodb),
            ("S3", &at.s3),
            ("Lambda", &at.lambda),
            ("Scheduler", &at.scheduler),
            ("Secrets", &at.secrets),
            ("Events", &at.events),
            ("Clever", &at.clever),
            ("OneRoster", &at.oneroster),
            ("Webhook", &at.webhook),
        ] {
            let _ = writeln!(text, "  {name:<10}{url}");
        }
        let _ = write!(
            text,
            "\nCalls of the API need a token. Tokens of this data folder are valid until the API \
             gets another port. In another shell:\n
  token=$(rollbook token --data {data} --role district_leader --district DISTRICT)
  curl -H \"Authorization: Bearer $token\" {}/v1/districts/DISTRICT\n",
            at.api,
            data = stack.data().display(),
        );
        text.push_str(&clever(&stack));
        text.push_str(&classlink(&stack));
        text.push_str(&webhook(&stack));
        text.push_str("\nFor the AWS CLI and SDKs, in another shell:\n\n");
        for (name, value) in stack.client_environment() {
            let _ = writeln!(text, "  export {name}={value}");
        }
        let _ = write!(
            text,
            "\nExamples (first create the district with `rollbook import`):\n
  aws s3 cp night.zip s3://{INBOX}/uploads/DISTRICT/night.zip
  aws s3 ls --recursive s3://{INTERNAL}/runs/
  aws dynamodb query --table-name {TABLE} --key-condition-expression 'PK = :d' --expression-attribute-values '{{\":d\":{{\"S\":\"D#DISTRICT\"}}}}'
  aws lambda invoke --function-name {PULL} --payload fileb://events/look.json answer.json

Notifications to operators are printed here. Press Ctrl-C to stop. All data stays in the folder.\n"
        );
        print(&text)?;
        let mut notifications = stack.subscribe();
        let stop = tokio::signal::ctrl_c();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                stopped = &mut stop => {
                    stopped?;
                    return Ok(End::Done);
                }
                Some(notification) = notifications.recv() => {
                    print(&describe::notification(&notification))?;
                }
            }
        }
    }
}

/// Creates the key that signs webhook events, and describes it.
fn webhook(stack: &Stack) -> String {
    let key = format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..));
    stack.put_secret(WEBHOOK_KEYS, &serde_json::json!({ "current": key }).to_string());
    format!(
        "\nSign webhook events with this key (see functions/clever-webhook/README.md):\n\n  \
         KEY={key}\n"
    )
}

/// Connects a district at the simulated Clever, and returns a text with calls that query its data.
fn clever(stack: &Stack) -> String {
    let (id, night) = (
        simulators::clever::id("district", "serve"),
        District::new(Size::students(CLEVER_STUDENTS)).metadata(true).night(0),
    );
    stack.clever().connect(&id, &night);
    let (client, password) = CLEVER_CLIENT;
    let (url, token) = (stack.clever().url(), stack.clever().token(&id).unwrap_or_default());
    format!(
        "\nClever is a simulator. One district with {CLEVER_STUDENTS} invented students shares its \
         data with the application {client}:\n
  curl -u {client}:{password} '{url}/oauth/tokens?owner_type=district'
  curl -H 'Authorization: Bearer {token}' '{url}/v3.1/sections?limit=2'\n"
    )
}

/// Enables the application for a district at the simulated ClassLink, and returns a text with calls
/// that query its data.
fn classlink(stack: &Stack) -> String {
    let night = District::new(Size::students(CLEVER_STUDENTS)).seed(2).night(0);
    let application = stack.oneroster().add_application(TENANT, &night, true);
    let url = stack.oneroster().url();
    format!(
        "\nClassLink is a simulator too. One district has enabled the application there. The first \
         call lists its applications with their tokens:\n
  curl -H 'Authorization: Bearer {CLASSLINK_KEY}' '{url}/applications'
  curl -H 'Authorization: Bearer TOKEN' '{url}/{application}/ims/oneroster/v1p1/classes?limit=2'\n"
    )
}
