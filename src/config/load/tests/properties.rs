use proptest::prelude::*;

use super::*;
use crate::config::mask_url;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_as_a_file_is_loaded_or_refused_with_problems(text in any::<String>()) {
        if let Err(errors) = load(&text, &[], Overrides::default()) {
            prop_assert!(!errors.problems().is_empty());
        }
    }

    #[test]
    fn any_value_of_any_variable_is_loaded_or_refused_with_problems(
        value in "\\PC{1,40}",
        name in prop::sample::select(vec![
            "RABBITMQ_URL", "RABBITMQ_HOSTNAME", "RABBITMQ_PORT", "RABBITMQ_USER",
            "RABBITMQ_VHOST", "NEO4J_URI", "FANOUT_RETRY_DELAYS", "FANOUT_HTTP_ADDR",
            "FANOUT_BROKER_MAX_MESSAGE_BYTES", "FANOUT_FLOOD_GUARD_SHARE", "FANOUT_LOG",
        ]),
    ) {
        if let Err(errors) = load("", &[(name, &value)], Overrides::default()) {
            prop_assert!(!errors.problems().is_empty());
        }
    }

    #[test]
    fn any_user_password_and_vhost_arrive_at_the_client_as_they_were_given(
        user in "\\PC{1,20}",
        password in "\\PC{1,20}",
        vhost in "\\PC{1,20}",
    ) {
        // "." and ".." would be read as steps in a path.
        prop_assume!(vhost != "." && vhost != "..");
        let config = from_env(&[
            ("RABBITMQ_USER", &user),
            ("RABBITMQ_PASSWORD", &password),
            ("RABBITMQ_VHOST", &vhost),
        ]);
        let url = ::url::Url::parse(config.broker.urls[0].expose()).unwrap();
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
        };
        prop_assert_eq!(decoded(url.username()), user);
        prop_assert_eq!(decoded(url.password().unwrap()), password);
        prop_assert_eq!(config.broker.vhost(), vhost);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_password_survives_the_mask(
        before in "[a-z:/@#?%]{0,12}",
        after in "[a-z:/@#?%]{0,12}",
    ) {
        for url in [
            format!("amqp://{before}:SECRET@{after}"),
            format!("amqp://user:SECRET{before}@{after}"),
            format!("amqp://user:{before}SECRET@{after}"),
            format!("user:SECRET@{after}"),
        ] {
            prop_assert!(!mask_url(&url).contains("SECRET"), "{} {}", url, mask_url(&url));
        }
    }
}
