import Config
import Testing

/// `alerts`.
@Suite struct AlertTests {
  private func alerts(_ webhook: String) -> String {
    minimal + "alerts: {webhooks: [{\(webhook)}]}\n"
  }

  private func complaints(_ text: String, environment: [String: String] = [:]) -> [String] {
    faults(of: text, environment: environment).map { "\($0.keyPath): \($0.message)" }
  }

  @Test func `a webhook needs a name and a URL`() throws {
    let found = try read(alerts("name: am, url: 'http://am:9093/'")).alerts
    let webhook = try #require(found.webhooks.first)
    #expect(found.pageURL == nil)
    #expect(webhook.format == .alertmanager && webhook.minSeverity == .warning)
    #expect(webhook.target == "http://am:9093/api/v2/alerts")
    #expect(webhook.detectors == ["*"])
    #expect(webhook.resendMicros == 60_000_000 && webhook.timeoutMicros == 10_000_000)
    #expect(webhook.ageMaxMicros == 86_400_000_000 && webhook.queueCountMax == 10_000)
    #expect(try read(minimal).alerts.webhooks.isEmpty)
    #expect(!(try read(minimal)).effective.contains("alerts"))
  }

  @Test func `an address that has the path already gets no second one, and a webhook gets none`()
    throws
  {
    func target(_ text: String) throws -> String? {
      try read(alerts("name: a, " + text)).alerts.webhooks.first?.target
    }
    #expect(
      try target("url: 'https://am/prefix/api/v2/alerts'") == "https://am/prefix/api/v2/alerts")
    #expect(
      try target("format: webhook, url: 'https://hook/x?token=y'") == "https://hook/x?token=y")
  }

  @Test func `every key is read, and reads back from what is shown, without its secrets`() throws {
    let text =
      minimal + """
        detectors: [{name: low, metric: '*', limits: {warning: {below: 1}}}]
        alerts:
          page_url: https://page.example.net/
          webhooks:
            - {name: a, url: '${URL}', min_severity: critical, detectors: ['lo*'],
               bearer_token: '${TOKEN}', ca: ca.pem, timeout: 250ms, resend: none, max_age: 2h,
               queue: 500}
            - {name: b, format: webhook, url: 'http://127.0.0.1:1/', resend: 4h,
               basic_auth: {user: u, password: '${TOKEN}'}}

        """
    let environment = ["TOKEN": "s3cret", "URL": "https://am/h1dden"]
    let configuration = try read(text, environment: environment)
    #expect(configuration.alerts.pageURL == "https://page.example.net")
    let first = configuration.alerts.webhooks[0]
    #expect(first.url.value == "https://am/h1dden" && first.shownTarget == "https://am")
    #expect(first.bearerToken?.value == "s3cret" && first.resendMicros == nil)
    #expect(first.authorityFile == "/etc/downlink/ca.pem")
    let second = configuration.alerts.webhooks[1]
    #expect(second.basicAuth?.user == "u" && second.resendMicros == 14_400_000_000)
    #expect(!second.sendsSecretInClear)
    let shown = configuration.effective
    #expect(!shown.contains("s3cret") && !shown.contains("h1dden"))
    var dumped = ""
    dump(configuration, to: &dumped)
    #expect(!dumped.contains("s3cret") && !dumped.contains("h1dden"))
    let again = try read(shown, environment: environment)
    #expect(again.effective == shown)
    #expect(again.alerts == configuration.alerts)
    #expect(again.fingerprint == configuration.fingerprint)
    let without = try read(text.replacing("min_severity: critical, ", with: ""),
      environment: environment)
    #expect(without.fingerprint == configuration.fingerprint, "rows do not depend on it")
  }

  @Test(arguments: [
    ("url: 'http://a'", "`name` is missing"),
    ("name: a", "`url` is missing; expected a URL such as https://alerts.example.net:9093"),
    ("name: a, url: 'am:9093'", "is not a URL such as"),
    ("name: a, url: 'ftp://a'", "is not a URL such as"),
    ("name: a, url: 'http://u:p4ss@a'", "holds a user name or password"),
    ("name: a, url: 'http://a/?b'", "the address of an Alertmanager has no query"),
    ("name: a, url: 'http://a', format: slack", "expected one of alertmanager, webhook"),
    ("name: a, url: 'http://a', bearer_token: t0ken", "a secret does not belong in this file"),
    ("name: a, url: 'http://a', resend: 10ms", "is out of range"),
    ("name: a, url: 'http://a', resend: often", "is not a duration"),
    ("name: a, url: 'http://a', basic_auth: {user: 'a:b'}", "`password` is missing"),
    ("name: a, url: 'http://a', detectors: [lwo]", "no detector matches `lwo`"),
    ("name: a, url: 'http://a'}, {name: A, url: 'http://b'", "(but for case)"),
  ])
  func `what is wrong is said`(text: String, said: String) {
    let found = complaints(alerts(text))
    #expect(found.contains { $0.contains(said) }, "\(found)")
    #expect(!"\(ConfigFaults(faults(of: alerts(text))))".contains("p4ss"))
    #expect(!"\(ConfigFaults(faults(of: alerts(text))))".contains("t0ken"))
  }

  @Test func `two ways to log in are one too many`() {
    let text = alerts(
      "name: a, url: 'http://a', bearer_token: '${T}', basic_auth: {user: u, password: '${T}'}")
    #expect(complaints(text, environment: ["T": "x"]).contains { $0.contains("in one way") })
  }

  @Test func `a reload takes over alerts, and shows no secret`() throws {
    let old = try read(
      alerts("name: a, url: '${U}', bearer_token: '${T}'"),
      environment: ["T": "first", "U": "https://am/one"])
    let new = try read(
      alerts("name: a, url: '${U}', bearer_token: '${T}'"),
      environment: ["T": "second", "U": "https://am/two"])
    let change = ConfigurationChange(from: old, to: new)
    #expect(change.isAccepted && change.changesAlerts && !change.reopens)
    #expect(change.live.count == 2)
    #expect(!change.summary.contains("second") && !change.summary.contains("two"))
    let gone = ConfigurationChange(from: old, to: try read(minimal))
    #expect(gone.changesAlerts && gone.isAccepted)
    #expect(!ConfigurationChange(from: old, to: old).changesAlerts)
  }
}
