//! The real secrets, in Secrets Manager.

use aws_sdk_secretsmanager::Client;
use rules::personal::Secret;

use crate::MirrorError;
use crate::secrets::Secrets;

/// Secrets Manager.
#[derive(Clone, Debug)]
pub struct SecretsManager {
    client: Client,
}

impl SecretsManager {
    /// Over a client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Secrets for SecretsManager {
    async fn secret(&self, name: &str) -> Result<Option<Secret>, MirrorError> {
        let doing = "read a secret";
        match self.client.get_secret_value().secret_id(name).send().await {
            Ok(answer) => match answer.secret_string {
                Some(text) => Ok(Some(Secret::new(text))),
                None => Err(MirrorError::corrupt("a secret", "it is no text")),
            },
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(None),
            Err(error) => Err(MirrorError::service(doing, error)),
        }
    }
}
