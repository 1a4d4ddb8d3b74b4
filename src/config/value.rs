//! Typed values between a source and a field, and the fields they fit into.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    ExchangeKind, LogFormat, MissingId, OtlpProtocol, QueueType, Sampler, Secret, TopologyMode,
    UnknownKind, UseRabbitmq,
};

/// A checked value on its way into a field, or out of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Val {
    Unset,
    Flag(bool),
    Whole(u64),
    Real(f64),
    Time(Duration),
    Text(String),
    List(Vec<Val>),
}

/// A type that a value can become.
pub(super) trait Value: Sized {
    fn from_val(val: Val) -> Option<Self>;
    fn to_val(&self) -> Val;
}

/// A field that takes values: any `Value`, behind one object type.
pub(super) trait Slot {
    /// `false` where the value does not fit; the field is then unchanged.
    fn put(&mut self, val: Val) -> bool;
    fn get(&self) -> Val;
}

impl<T: Value> Slot for T {
    fn put(&mut self, val: Val) -> bool {
        match T::from_val(val) {
            Some(value) => {
                *self = value;
                true
            }
            None => false,
        }
    }

    fn get(&self) -> Val {
        self.to_val()
    }
}

macro_rules! plain {
    ($($variant:ident($type:ty)),+) => {$(
        impl Value for $type {
            fn from_val(val: Val) -> Option<Self> {
                match val {
                    Val::$variant(value) => Some(value),
                    _ => None,
                }
            }

            fn to_val(&self) -> Val {
                Val::$variant(self.clone())
            }
        }
    )+};
}
plain!(Flag(bool), Real(f64), Time(Duration), Text(String));

macro_rules! whole {
    ($($type:ty),+) => {$(
        impl Value for $type {
            fn from_val(val: Val) -> Option<Self> {
                match val {
                    Val::Whole(value) => Self::try_from(value).ok(),
                    _ => None,
                }
            }

            fn to_val(&self) -> Val {
                Val::Whole(u64::try_from(*self).unwrap_or(u64::MAX))
            }
        }
    )+};
}
whole!(u16, u32, u64, usize);

macro_rules! text {
    ($($type:ty: $read:expr, $show:expr;)+) => {$(
        impl Value for $type {
            fn from_val(val: Val) -> Option<Self> {
                let read: fn(String) -> Option<Self> = $read;
                String::from_val(val).and_then(read)
            }

            fn to_val(&self) -> Val {
                let show: fn(&Self) -> String = $show;
                Val::Text(show(self))
            }
        }
    )+};
}
text! {
    PathBuf: |text| Some(text.into()), |path| path.to_string_lossy().into_owned();
    SocketAddr: |text| text.parse().ok(), ToString::to_string;
}

/// An empty secret is an unset one.
impl Value for Secret {
    fn from_val(val: Val) -> Option<Self> {
        String::from_val(val).map(Secret::new)
    }

    fn to_val(&self) -> Val {
        match self.expose() {
            "" => Val::Unset,
            text => Val::Text(text.to_owned()),
        }
    }
}

impl<T: Value> Value for Option<T> {
    fn from_val(val: Val) -> Option<Self> {
        match val {
            Val::Unset => Some(None),
            val => T::from_val(val).map(Some),
        }
    }

    fn to_val(&self) -> Val {
        self.as_ref().map_or(Val::Unset, T::to_val)
    }
}

impl<T: Value> Value for Vec<T> {
    fn from_val(val: Val) -> Option<Self> {
        match val {
            Val::List(values) => values.into_iter().map(T::from_val).collect(),
            _ => None,
        }
    }

    fn to_val(&self) -> Val {
        Val::List(self.iter().map(T::to_val).collect())
    }
}

/// A closed set of words: the type, its words for the table, both ways.
macro_rules! words {
    ($($table:ident $type:ident { $($word:literal => $variant:ident),+ })+) => {$(
        pub(super) const $table: &[&str] = &[$($word),+];

        impl Value for $type {
            fn from_val(val: Val) -> Option<Self> {
                match String::from_val(val)?.as_str() {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn to_val(&self) -> Val {
                Val::Text(match self { $(Self::$variant => $word),+ }.to_owned())
            }
        }
    )+};
}
words! {
    TOPOLOGY_MODES TopologyMode { "declare" => Declare, "verify" => Verify, "none" => None }
    USES_OF_RABBITMQ UseRabbitmq { "true" => True, "false" => False, "parallel" => Parallel }
    QUEUE_TYPES QueueType { "quorum" => Quorum, "classic" => Classic }
    EXCHANGE_KINDS ExchangeKind { "fanout" => Fanout, "topic" => Topic }
    LOG_FORMATS LogFormat { "text" => Text, "json" => Json }
    MISSING_IDS MissingId { "assign" => Assign, "reject" => Reject }
    UNKNOWN_KINDS UnknownKind { "skip" => Skip, "dead-letter" => DeadLetter }
    OTLP_PROTOCOLS OtlpProtocol {
        "http/protobuf" => HttpProtobuf, "http/json" => HttpJson, "grpc" => Grpc
    }
    SAMPLERS Sampler {
        "always_on" => AlwaysOn, "always_off" => AlwaysOff, "traceidratio" => Ratio,
        "parentbased_always_on" => ParentAlwaysOn, "parentbased_always_off" => ParentAlwaysOff,
        "parentbased_traceidratio" => ParentRatio
    }
}
