//! Expressions and what they evaluate to, held against cel-go's and Kubernetes' documents.

mod language;
