internal import Base

extension Configuration {
  /// The configuration as the program understood it, as YAML: every default written out, paths
  /// absolute, secrets masked. What a statistical detector chooses for itself is left out. Apart
  /// from masked secrets it reads back as the same configuration.
  package var effective: String {
    var out = EffectiveText()
    out.line("pipeline", .text(pipeline))
    switch lanes {
    case .auto: out.line("lanes", .word("auto"))
    case .count(let count): out.line("lanes", .word("\(count)"))
    }
    out.block("kafka") { out in
      out.line("brokers", .texts(kafka.brokers))
      out.line("group", .text(kafka.group))
      out.line("start", .word(kafka.start.rawValue))
      out.line("on_position_lost", .word(kafka.onPositionLost.rawValue))
      out.block("properties", isEmpty: kafka.properties.isEmpty) { out in
        for property in kafka.properties {
          // `shown` may hold a reference, which stays one.
          out.line(EffectiveText.quoted(property.key), .reference(property.shown))
        }
      }
    }
    if let schemaRegistry { out.block("schema_registry") { $0.write(schemaRegistry) } }
    out.block("event_time") { $0.write(eventTime) }
    out.items("sources", sources) { $0.write($1) }
    out.items("windows", windows) { $0.write($1) }
    out.items("detectors", detectors) { $0.write($1) }
    out.block("storage") { $0.write(storage) }
    out.block("tables") { $0.write(tables) }
    out.block("maintenance") { $0.write(maintenance) }
    out.block("memory") { out in
      out.line("buffers", .word(ByteCountText.text(byteCount: memory.bufferByteCountMax)))
    }
    out.block("http") { out in
      out.line("listen", http.listen.map { .text($0.description) } ?? .word("none"))
      if let tls = http.tls {
        out.block("tls") { out in
          out.line("certificate", .text(tls.certificate))
          out.line("key", .text(tls.key))
          if let file = tls.clientAuthority { out.line("client_ca", .text(file)) }
        }
      }
      if !http.users.isEmpty {
        out.block("basic_auth") { out in
          out.block("users") { out in
            for user in http.users {
              out.line(EffectiveText.quoted(user.name), .text(Secret.mask))
            }
          }
        }
      }
      if let token = http.bearerToken { out.line("bearer_token", .reference(token.shown)) }
    }
    out.block("admin") { out in
      switch admin.socket {
      case .auto, .none: out.line("socket", .word(admin.socket.text))
      case .path(let path): out.line("socket", .text(path))
      }
      out.line("mode", .text(admin.modeText))
    }
    if alerts != .none { out.block("alerts") { $0.write(alerts) } }
    out.block("log") { out in
      out.line("level", .word(log.level.rawValue))
      out.line("format", .word(log.format.rawValue))
    }
    return out.text
  }
}

/// Writes the small part of YAML that `effective` needs.
private struct EffectiveText {
  private(set) var text = ""
  private var depth = 0
  private var startsItem = false

  enum Value {
    /// Needs no quotes: numbers, durations, words of our own.
    case word(String)
    case words([String])
    case text(String)
    case texts([String])
    /// A text in which `${NAME}` keeps its meaning.
    case reference(String)
  }

  mutating func line(_ key: String, _ value: Value) {
    let written =
      switch value {
      case .word(let word): word
      case .words(let words): "[" + words.joined(separator: ", ") + "]"
      case .text(let text): Self.escaped(text)
      case .texts(let texts): "[" + texts.map(Self.escaped).joined(separator: ", ") + "]"
      case .reference(let text): Self.quoted(text)
      }
    indent()
    text += "\(key): \(written)\n"
  }

  mutating func block(_ key: String, isEmpty: Bool = false, _ body: (inout EffectiveText) -> Void) {
    if isEmpty { return line(key, .word("{}")) }
    indent()
    text += key + ":\n"
    depth += 1
    body(&self)
    depth -= 1
  }

  mutating func items<Item>(
    _ key: String, _ items: [Item], _ body: (inout EffectiveText, Item) -> Void
  ) {
    if items.isEmpty { return line(key, .word("[]")) }
    indent()
    text += key + ":\n"
    depth += 2
    for item in items {
      startsItem = true
      body(&self, item)
    }
    depth -= 2
  }

  private mutating func indent() {
    text += String(repeating: "  ", count: startsItem ? depth - 1 : depth)
    if startsItem { text += "- " }
    startsItem = false
  }

  /// A double-quoted YAML text in which `${` is literal.
  private static func escaped(_ text: String) -> String {
    quoted(text.replacing("${", with: "$${"))
  }

  static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case "\n": quoted += "\\n"
      default:
        if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
          let code = String(scalar.value, radix: 16)
          quoted += "\\x" + String(repeating: "0", count: 2 - code.count) + code
        } else {
          quoted.unicodeScalars.append(scalar)
        }
      }
    }
    return quoted + "\""
  }
}

extension EffectiveText {
  mutating func duration(_ key: String, _ micros: Int64) {
    line(key, .word(DurationText.text(micros: micros)))
  }

  mutating func write(_ time: Configuration.EventTime) {
    duration("out_of_orderness", time.outOfOrdernessMicros)
    duration("allowed_lateness", time.allowedLatenessMicros)
    duration("max_future_skew", time.maxFutureSkewMicros)
    line("plausible_from", .word(DateText.text(micros: time.plausibleFromMicros)))
    duration("device_idle", time.deviceIdleMicros)
    line("partition_idle", .word(time.shownPartitionIdle))
  }

  mutating func write(_ registry: Configuration.SchemaRegistry) {
    line("url", .text(registry.url))
    if let user = registry.user { line("user", .text(user)) }
    if let password = registry.shownPassword { line("password", .reference(password)) }
    if let file = registry.authorityFile { line("ca", .text(file)) }
    duration("timeout", registry.timeoutMicros)
    if let folder = registry.cacheFolder { line("cache", .text(folder)) }
    line("subject", .text(registry.subjectPattern))
  }

  mutating func write(_ alerts: Configuration.Alerts) {
    if let url = alerts.pageURL { line("page_url", .text(url)) }
    items("webhooks", alerts.webhooks) { out, webhook in
      out.line("name", .text(webhook.name))
      out.line("format", .word(webhook.format.rawValue))
      out.line("url", .reference(webhook.url.shown))
      out.line("min_severity", .word(webhook.minSeverity.rawValue))
      out.line("detectors", .texts(webhook.detectors))
      if let token = webhook.bearerToken { out.line("bearer_token", .reference(token.shown)) }
      if let login = webhook.basicAuth {
        out.block("basic_auth") { out in
          out.line("user", .text(login.user))
          out.line("password", .reference(login.password.shown))
        }
      }
      if let file = webhook.authorityFile { out.line("ca", .text(file)) }
      out.duration("timeout", webhook.timeoutMicros)
      out.line(
        "resend", .word(webhook.resendMicros.map { DurationText.text(micros: $0) } ?? "none"))
      out.duration("max_age", webhook.ageMaxMicros)
      out.line("queue", .word("\(webhook.queueCountMax)"))
    }
  }

  mutating func write(_ source: Configuration.Source) {
    line("name", .text(source.name))
    line("topics", .texts(source.topics))
    line("message", .text(source.message))
    if let set = source.descriptorSet, !set.isFromRegistry { write(set) }
    if source.envelope != .none { line("envelope", .word(source.envelope.rawValue)) }
    if let rows = source.rows { line("rows", .text(rows)) }
    switch source.device {
    case .field(let path): line("device", .text(path))
    case .recordKey: line("device", .word("$key"))
    case .header(let name): line("device", .text("$header." + name))
    }
    block("time") { out in
      out.line("field", .text(source.time.field))
      if let unit = source.time.unit { out.line("unit", .word(unit.rawValue)) }
    }
    if let sequence = source.sequence { line("sequence", .text(sequence)) }
    if source.attributes.contains(where: { $0.isRenamed || $0.description != nil }) {
      items("attributes", source.attributes) { out, attribute in
        out.line("field", .text(attribute.field))
        out.line("name", .text(attribute.name))
        if let text = attribute.description { out.line("description", .text(text)) }
      }
    } else {
      line("attributes", .texts(source.attributes.map(\.field)))
    }
    switch source.metrics {
    case .all: line("metrics", .word("all"))
    case .narrow(let name, let value):
      block("metric") { out in
        out.line("name", .text(name))
        out.line("value", .text(value))
      }
    case .fields(let fields):
      items("metrics", fields) { out, field in
        out.line("field", .text(field.field))
        if let key = field.key { out.line("key", .text(key)) }
        out.line("name", .text(field.name))
        if let unit = field.unit { out.line("unit", .text(unit)) }
        if let text = field.description { out.line("description", .text(text)) }
      }
    }
    if let deduplication = source.deduplication {
      block("deduplicate") { $0.write(deduplication) }
    }
    block("limits") { $0.write(source.limits) }
    line("implicit_zero", .word("\(source.implicitZero)"))
    block("event_time") { $0.write(source.eventTime) }
    if let flood = source.deadLetterFlood {
      block("dead_letter_flood") { $0.write(flood) }
    } else {
      line("dead_letter_flood", .word("none"))
    }
  }

  private mutating func write(_ flood: Configuration.DeadLetterFlood) {
    line("share", .word(Format.text(ofShare: flood.share)))
    duration("for", flood.forMicros)
    duration("retry", flood.retryMicros)
  }

  private mutating func write(_ deduplication: Configuration.Deduplication) {
    line("by", .word(deduplication.by.rawValue))
    duration("within", deduplication.withinMicros)
    line("records", .word("\(deduplication.recordCountMax)"))
  }

  private mutating func write(_ limits: Configuration.RecordLimits) {
    line("message", .word(ByteCountText.text(byteCount: limits.messageByteCountMax)))
    for limit in limits.counts { line(limit.key, .word("\(limit.count)")) }
  }

  private mutating func write(_ set: Configuration.Source.DescriptorSet) {
    guard let files = set.protos else { return line("descriptor_set", .text(set.path)) }
    block("protos") { out in
      out.line("folder", .text(set.path))
      if !files.isEmpty { out.line("files", .texts(files)) }
    }
  }

  mutating func write(_ window: Configuration.Window) {
    line("name", .text(window.name))
    duration("size", window.sizeMicros)
    duration("slide", window.slideMicros)
    line("aggregates", .words(window.aggregates.map(\.rawValue)))
    line("sources", .texts(window.sources.map(\.pattern)))
    line("metrics", .texts(window.metrics.map(\.pattern)))
  }

  mutating func write(_ detector: Configuration.Detector) {
    line("name", .text(detector.name))
    line("source", .text(detector.source.pattern))
    if let metric = detector.metric { line("metric", .text(metric.pattern)) }
    switch detector.rule {
    case .limits(let limits): block("limits") { $0.write(limits) }
    case .silence(let after): block("silence") { $0.duration("after", after) }
    case .statistical(let rule): block(rule.kind.rawValue) { $0.write(rule) }
    }
    line("open_max", .word("\(detector.openCountMax)"))
  }

  mutating func write(_ rule: Configuration.Statistical) {
    for (key, micros) in rule.durations {
      if let micros { duration(key, micros) }
    }
    line("min_change", .word("\(rule.changeMin)"))
  }

  mutating func write(_ limits: Configuration.Limits) {
    for (key, bounds) in [("warning", limits.warning), ("critical", limits.critical)] {
      guard let bounds else { continue }
      block(key) { out in
        if let low = bounds.low { out.line("below", .word("\(low)")) }
        if let high = bounds.high { out.line("above", .word("\(high)")) }
      }
    }
    line("clear_margin", .word("\(limits.clearMargin)"))
    switch limits.persistence {
    case .readings(let count): line("readings", .word("\(count)"))
    case .duration(let micros): duration("for", micros)
    }
  }

  mutating func write(_ storage: Configuration.Storage) {
    line("root", .text(storage.root))
    block("commit") { out in
      out.duration("interval", storage.commit.intervalMicros)
      out.line("bytes", .word(ByteCountText.text(byteCount: storage.commit.byteCount)))
    }
    duration("state_interval", storage.stateIntervalMicros)
    block("parquet") { out in
      out.line("compression", .word(storage.parquet.compression.rawValue))
      if let level = storage.parquet.level { out.line("level", .word("\(level)")) }
      out.line("row_group_rows", .word("\(storage.parquet.rowGroupRowCount)"))
    }
    let budget = storage.budgetByteCount.map { ByteCountText.text(byteCount: $0) }
    line("budget", .word(budget ?? "none"))
    line("budget_warning", .word(Format.text(ofShare: storage.budgetWarningShare)))
  }

  mutating func write(_ tables: Configuration.Tables) {
    for (name, keep) in tables.keeps.sorted(by: { $0.key < $1.key }) {
      block(name) { $0.line("keep", .word(keep.text)) }
    }
    block("devices") { out in
      let every = tables.devicesEveryMicros.map { DurationText.text(micros: $0) }
      out.line("every", .word(every ?? "never"))
    }
  }

  mutating func write(_ maintenance: Configuration.Maintenance) {
    for (key, value) in maintenance.values { line(key, .word(value)) }
  }
}
