//! Key management services in figures, by upstream's names. They are the process's: names of services are unique in it.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, exponential_buckets,
    register_gauge_vec, register_histogram_vec, register_int_counter_vec, register_int_gauge_vec,
};
use tonic::Code;

use super::envelope::key_id_hash;
use super::service::CallError;

static FAMILIES: LazyLock<Families> = LazyLock::new(Families::registered);

struct Families {
    seconds: HistogramVec,
    uses: IntCounterVec,
    last_use: GaugeVec,
    last_status: GaugeVec,
    invalid: IntCounterVec,
    remembered: IntGaugeVec,
}

/// There is one server, which upstream would tell from its neighbours.
const SERVER: &str = "";

impl Families {
    fn registered() -> Self {
        const CONSTANT: &str = "names and labels are constants";
        const USES: [&str; 4] = ["transformation_type", "provider_name", "key_id_hash", "apiserver_id_hash"];
        let name = |name: &str| format!("apiserver_envelope_encryption_{name}");
        // From a tenth of a millisecond to a minute.
        let buckets = exponential_buckets(0.0001, 2.0, 20).expect(CONSTANT);
        let seconds = HistogramOpts::new(
            name("kms_operations_latency_seconds"),
            "KMS operation duration with gRPC error code status total.",
        );
        let labels = ["provider_name", "method_name", "grpc_status_code"];
        Self {
            seconds: register_histogram_vec!(seconds.buckets(buckets), &labels).expect(CONSTANT),
            uses: register_int_counter_vec!(
                name("key_id_hash_total"),
                "Number of times a keyID is used split by transformation type, provider, and apiserver identity.",
                &USES
            )
            .expect(CONSTANT),
            last_use: register_gauge_vec!(
                name("key_id_hash_last_timestamp_seconds"),
                "The last time in seconds when a keyID was used.",
                &USES
            )
            .expect(CONSTANT),
            last_status: register_gauge_vec!(
                name("key_id_hash_status_last_timestamp_seconds"),
                "The last time in seconds when a keyID was returned by the Status RPC call.",
                &["provider_name", "key_id_hash", "apiserver_id_hash"]
            )
            .expect(CONSTANT),
            invalid: register_int_counter_vec!(
                name("invalid_key_id_from_status_total"),
                "Number of times an invalid keyID is returned by the Status RPC call split by error.",
                &["provider_name", "error"]
            )
            .expect(CONSTANT),
            remembered: register_int_gauge_vec!(
                name("dek_source_cache_size"),
                "Number of records in data encryption key (DEK) source cache. On a restart, this value is an \
                 approximation of the number of decrypt RPC calls the server will make to the KMS plugin.",
                &["provider_name"]
            )
            .expect(CONSTANT),
        }
    }
}

/// A method of the service.
#[derive(Clone, Copy, Debug)]
pub enum Method {
    Status,
    Encrypt,
    Decrypt,
}

/// Which way a value went.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    FromStorage,
    ToStorage,
}

pub fn called<T>(service: &str, method: Method, took: Duration, outcome: &Result<T, CallError>) {
    let method = format!("/v2.KeyManagementService/{method:?}");
    let code = match outcome {
        Ok(_) => "OK".to_owned(),
        Err(CallError { code: Code::Cancelled, .. }) => "Canceled".to_owned(),
        Err(error) => format!("{:?}", error.code),
    };
    FAMILIES.seconds.with_label_values(&[service, &method, &code]).observe(took.as_secs_f64());
}

/// A value was sealed or opened with a key's help.
pub fn used(service: &str, way: Way, key_id: &str, now: Timestamp) {
    let way = match way {
        Way::FromStorage => "from_storage",
        Way::ToStorage => "to_storage",
    };
    let hash = key_id_hash(key_id);
    let labels = [way, service, &hash, SERVER];
    FAMILIES.uses.with_label_values(&labels).inc();
    FAMILIES.last_use.with_label_values(&labels).set(now.as_duration().as_secs_f64());
}

/// The service said that this key is current.
pub fn told(service: &str, key_id: &str, now: Timestamp) {
    let labels = [service, &key_id_hash(key_id), SERVER];
    FAMILIES.last_status.with_label_values(&labels).set(now.as_duration().as_secs_f64());
}

/// The service named a key that none can be called.
pub fn invalid(service: &str, key_id: &str) {
    let why = if key_id.is_empty() { "empty" } else { "too_long" };
    FAMILIES.invalid.with_label_values(&[service, why]).inc();
}

pub fn remembers(service: &str, keys: usize) {
    FAMILIES.remembered.with_label_values(&[service]).set(i64::try_from(keys).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_their_codes() {
        let check = |outcome: Result<(), CallError>, code: &str| {
            called("figures", Method::Encrypt, Duration::from_millis(1), &outcome);
            let labels = ["figures", "/v2.KeyManagementService/Encrypt", code];
            assert_eq!(FAMILIES.seconds.with_label_values(&labels).get_sample_count(), 1, "{code}");
        };
        let failed = |code| Err(CallError { code, message: String::new() });
        check(Ok(()), "OK");
        check(failed(Code::Unavailable), "Unavailable");
        check(failed(Code::DeadlineExceeded), "DeadlineExceeded");
        check(failed(Code::Cancelled), "Canceled");
    }
}
