//! oneroster-import
