internal import Base

enum AlertsKey: String, ConfigKey {
  case pageURL = "page_url"
  case webhooks
}

enum WebhookKey: String, ConfigKey {
  case name, format, url
  case minSeverity = "min_severity"
  case detectors
  case bearerToken = "bearer_token"
  case basicAuth = "basic_auth"
  case ca, timeout, resend
  case ageMax = "max_age"
  case queue
}

enum BasicAuthKey: String, ConfigKey { case user, password }

extension Configuration.Alerts {
  init(_ section: Section<AlertsKey>) {
    pageURL = section.optional(.pageURL, .pageURL)
    let items = section.sections(
      .webhooks, WebhookKey.self, of: "a receiver with name and url", mayBeEmpty: true)
    webhooks = (items ?? []).map { Configuration.Webhook($0) }
  }
}

extension Configuration.Webhook {
  init(_ section: Section<WebhookKey>) {
    let reading = section.reading
    name = section.required(.name, placeholder: "", .name(.label))
    format = section.value(.format, default: .alertmanager, .word)
    url = section.required(
      .url, placeholder: SecretText(value: "http://", shown: ""), .address(in: reading))
    minSeverity = section.value(.minSeverity, default: .warning, .word)
    detectors = section.list(.detectors, of: .glob)?.map(\.pattern) ?? ["*"]
    bearerToken = section.optional(.bearerToken, .secret(in: reading))
    basicAuth =
      section.has(.basicAuth)
      ? BasicAuth(section.section(.basicAuth, BasicAuthKey.self)) : nil
    authorityFile = section.optional(.ca, .path(in: reading.folder))
    timeoutMicros = section.value(
      .timeout, default: Default.webhookTimeout, .duration(in: Allowed.webhookTimeout))
    resendMicros = section.value(
      .resend, default: format == .alertmanager ? Default.alertResend : nil, .durationOrNone)
    ageMaxMicros = section.value(
      .ageMax, default: Default.alertAge, .duration(in: Allowed.alertAge))
    queueCountMax = section.value(
      .queue, default: Default.alertQueue, .wholeNumber(in: Allowed.alertQueue))
    if bearerToken != nil, basicAuth != nil {
      section.report(.bearerToken, atKey: true, "a webhook logs in in one way; found two")
    }
    if format == .alertmanager, url.value.contains("?") {
      section.report(.url, "the address of an Alertmanager has no query")
    }
  }
}

extension Configuration.Webhook.BasicAuth {
  fileprivate init(_ section: Section<BasicAuthKey>) {
    user = section.required(.user, placeholder: "", .userName)
    password = section.required(
      .password, placeholder: SecretText(value: "", shown: ""), .secret(in: section.reading))
  }
}

extension Format where Value == SecretText {
  /// An `http://` or `https://` URL, or where one is kept: some are secrets as a whole.
  fileprivate static func address(in reading: Reading) -> Format<SecretText> {
    let expected = "a URL such as https://alerts.example.net:9093, or file:PATH with one in it"
    return Format(expected: expected, isSecret: true) { (scalar) throws(ValueFault) in
      var address = SecretText(
        value: scalar.text, shown: scalar.isFromEnvironment ? scalar.written : scalar.text)
      if let reference = SecretReference(scalar.text) {
        address = SecretText(
          value: try reading.secret(reference), shown: reading.shown(reference, scalar))
      }
      if let fault = HTTPAddress.fault(address.value) { throw fault }
      return address
    }
  }
}

extension Format where Value == String {
  fileprivate static var pageURL: Format<String> {
    text.then { (url) throws(ValueFault) in
      if let fault = HTTPAddress.fault(url) { throw fault }
      var url = url
      while url.hasSuffix("/") { url.removeLast() }
      return url
    }
  }
}

extension Format where Value == Int64? {
  /// How often something is repeated, in microseconds; nil for `none`.
  fileprivate static var durationOrNone: Format<Int64?> {
    let duration = Format<Int64>.duration(in: Allowed.alertResend)
    return Format(expected: "none, or \(duration.expected)") { (scalar) throws(ValueFault) in
      scalar.text == "none" ? nil : try duration.read(scalar)
    }
  }
}
