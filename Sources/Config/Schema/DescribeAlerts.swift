internal import Base

// What the JSON Schema says about alerts.

extension AlertsKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .pageURL:
      .optional(.form(.webURL), "Where people reach the page: alerts lead to their anomaly on it.")
    case .webhooks:
      .optional(
        .list(.mapping(WebhookKey.self), least: 0), "Who is told of anomalies over HTTP.")
    }
  }
}

extension WebhookKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .name:
      .required(.form(.label), "In logs and metrics; what it has been told is kept under it.")
    case .format:
      .words(
        default: Configuration.Webhook.Format.alertmanager,
        "What an Alertmanager takes, or what one sends to its webhook receivers.")
    case .url:
      .required(
        .form(.alertURL), "An Alertmanager's address, or a webhook's whole URL; may be a secret.")
    case .minSeverity:
      .words(
        default: Configuration.Webhook.Severity.warning, "The least severe steps that are sent.")
    case .detectors:
      .optional(.list(.form(.glob), least: 1), "Names or globs of detectors; all by default.")
    case .bearerToken: .optional(.form(.secret), "Sent as Authorization: Bearer ….")
    case .basicAuth: .mapping(BasicAuthKey.self, "Logs in by name and password.")
    case .ca:
      .optional(.form(.path), "A PEM file of certificates that vouch for it; else the system's.")
    case .timeout:
      .duration(
        in: Allowed.webhookTimeout, default: Default.webhookTimeout,
        "For one request, connecting included.")
    case .resend:
      .optional(
        .either([.word(["none"]), .form(.duration)]),
        "What fires is sent again so often; 1m for an Alertmanager, none for a webhook by default.")
    case .ageMax:
      .duration(
        in: Allowed.alertAge, default: Default.alertAge,
        "Steps that wait for longer are left out if their anomaly is over.")
    case .queue:
      .wholeNumber(
        in: Allowed.alertQueue, default: Default.alertQueue,
        "Steps that wait before anomalies that are over are left out.")
    }
  }

  static var conditions: [JSONValue] { [.excludes(bearerToken, basicAuth)] }
}

extension BasicAuthKey: DescribedKey {
  var entry: SchemaEntry {
    switch self {
    case .user: .required(.form(.userName), "The name, without a colon.")
    case .password: .required(.form(.secret), "The password, by reference.")
    }
  }
}
