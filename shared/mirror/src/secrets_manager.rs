//! The real secrets, in AWS Secrets Manager.

use aws_sdk_secretsmanager::Client;
use roster::personal::Secret;

use crate::MirrorError;
use crate::ports::secrets::Secrets;

/// The real secrets, in Secrets Manager; a name may also be an ARN.
#[derive(Clone, Debug)]
pub struct ManagedSecrets(Client);

impl ManagedSecrets {
    /// Secrets of a client's account and region.
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl Secrets for ManagedSecrets {
    async fn secret(&self, name: &str) -> Result<Option<Secret>, MirrorError> {
        match self.0.get_secret_value().secret_id(name).send().await {
            Ok(answer) => match answer.secret_string {
                Some(text) => Ok(Some(Secret::new(text))),
                None => Err(MirrorError::corrupt("a secret", "it is binary, not text")),
            },
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_resource_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(MirrorError::service("read a secret", error)),
        }
    }
}
