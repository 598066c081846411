internal import Base

/// Takes parts of a configuration apart into settings below one path.
struct SettingWriter {
  private(set) var settings: [SettingList.Setting] = []
  private let path: String

  /// - Parameter path: What stands before every key: `detectors[a].`; empty for the whole file.
  init(path: String) { self.path = path }

  private mutating func add(
    _ key: String, _ text: String, identity: String = "",
    _ effect: ConfigurationChange.Effect = .restart
  ) {
    settings.append(.init(path: path + key, text: text, identity: identity, effect: effect))
  }

  private mutating func add(
    _ key: String, micros: Int64, _ effect: ConfigurationChange.Effect = .restart
  ) {
    add(key, DurationText.text(micros: micros), effect)
  }

  private mutating func add(
    _ key: String, _ values: [String], _ effect: ConfigurationChange.Effect = .restart
  ) {
    add(key, "[" + values.joined(separator: ", ") + "]", effect)
  }

  private static func hash(_ text: String) -> String { hash(Array(text.utf8)) }

  private static func hash(_ bytes: [UInt8]) -> String { RandomID.hex(XXHash64.hash(bytes)) }

  /// As people write it: `45`, not `45.0`.
  private static func number(_ value: Double) -> String {
    abs(value) < 1e15 && value == value.rounded(.towardZero) ? "\(Int64(value))" : "\(value)"
  }

  // MARK: - The file without its lists of items

  mutating func write(_ configuration: Configuration) {
    add("pipeline", configuration.pipeline, .otherState)
    switch configuration.lanes {
    case .auto: add("lanes", "auto")
    case .count(let count): add("lanes", "\(count)")
    }
    write(configuration.kafka)
    if let registry = configuration.schemaRegistry { write(registry) }
    write(configuration.eventTime)
    write(configuration.storage)
    write(configuration.tables)
    for (key, value) in configuration.maintenance.values { add("maintenance.\(key)", value, .live) }
    add(
      "memory.buffers", ByteCountText.text(byteCount: configuration.memory.bufferByteCountMax))
    write(configuration.http)
    add("admin.socket", configuration.admin.socket.text)
    add("admin.mode", configuration.admin.modeText)
    if let url = configuration.alerts.pageURL { add("alerts.page_url", url, .live) }
    add("log.level", configuration.log.level.rawValue, .live)
    add("log.format", configuration.log.format.rawValue)
  }

  private mutating func write(_ http: Configuration.HTTP) {
    add("http.listen", http.listen?.description ?? "none")
    if let tls = http.tls {
      add("http.tls.certificate", tls.certificate, .live)
      add("http.tls.key", tls.key, .live)
      if let file = tls.clientAuthority { add("http.tls.client_ca", file, .live) }
    }
    for user in http.users {
      // A new password must be seen as new, and its hash never be seen.
      add(
        "http.basic_auth.users.\(user.name)", Secret.mask, identity: Self.hash(user.passwordHash),
        .live)
    }
    if let token = http.bearerToken {
      add("http.bearer_token", token.shown, identity: Self.hash(token.value), .live)
    }
  }

  private mutating func write(_ kafka: Configuration.Kafka) {
    add("kafka.brokers", kafka.brokers)
    add("kafka.group", kafka.group)
    add("kafka.start", kafka.start.rawValue, .reopen)
    add("kafka.on_position_lost", kafka.onPositionLost.rawValue, .reopen)
    for property in kafka.properties {
      // A new password must be seen as new, and never be seen.
      add("kafka.properties.\(property.key)", property.shown, identity: Self.hash(property.value))
    }
  }

  private mutating func write(_ registry: Configuration.SchemaRegistry) {
    add("schema_registry.url", registry.url)
    if let user = registry.user { add("schema_registry.user", user) }
    if let password = registry.password {
      // A new password must be seen as new, and never be seen.
      add(
        "schema_registry.password", registry.shownPassword ?? Secret.mask,
        identity: Self.hash(password))
    }
    if let file = registry.authorityFile { add("schema_registry.ca", file) }
    add("schema_registry.timeout", micros: registry.timeoutMicros)
    if let folder = registry.cacheFolder { add("schema_registry.cache", folder) }
    add("schema_registry.subject", registry.subjectPattern)
  }

  private mutating func write(_ time: Configuration.EventTime) {
    add("event_time.out_of_orderness", micros: time.outOfOrdernessMicros, .reopen)
    add("event_time.allowed_lateness", micros: time.allowedLatenessMicros, .reopen)
    add("event_time.max_future_skew", micros: time.maxFutureSkewMicros, .reopen)
    add("event_time.plausible_from", DateText.text(micros: time.plausibleFromMicros), .reopen)
    add("event_time.device_idle", micros: time.deviceIdleMicros, .reopen)
    // What follows from another setting is no change of its own.
    if time.partitionIdleMicros != time.standardPartitionIdleMicros {
      add("event_time.partition_idle", time.shownPartitionIdle, .reopen)
    }
  }

  private mutating func write(_ storage: Configuration.Storage) {
    add("storage.root", storage.root)
    add("storage.commit.interval", micros: storage.commit.intervalMicros, .reopen)
    add("storage.commit.bytes", ByteCountText.text(byteCount: storage.commit.byteCount), .reopen)
    add("storage.state_interval", micros: storage.stateIntervalMicros, .reopen)
    add("storage.parquet.compression", storage.parquet.compression.rawValue, .reopen)
    if let level = storage.parquet.level { add("storage.parquet.level", "\(level)", .reopen) }
    add("storage.parquet.row_group_rows", "\(storage.parquet.rowGroupRowCount)", .reopen)
    let budget = storage.budgetByteCount.map { ByteCountText.text(byteCount: $0) }
    add("storage.budget", budget ?? "none", .live)
    add("storage.budget_warning", Format.text(ofShare: storage.budgetWarningShare), .live)
  }

  private mutating func write(_ tables: Configuration.Tables) {
    for (name, keep) in tables.keeps.sorted(by: { $0.key < $1.key }) {
      add("tables.\(name).keep", keep.text, .live)
    }
    let every = tables.devicesEveryMicros.map { DurationText.text(micros: $0) }
    add("tables.devices.every", every ?? "never", .reopen)
  }

  // MARK: - Items

  /// Attributes and metrics may come and go; whether one changes its type is seen where types are
  /// known.
  mutating func write(_ source: Configuration.Source) {
    add("topics", source.topics.sorted())
    add("message", source.message, .reopen)
    if let set = source.descriptorSet {
      // Compiled or read: what counts is what came of it.
      add("descriptor_set", set.path, identity: Self.hash(set.bytes), .reopen)
    }
    if source.envelope != .none { add("envelope", source.envelope.rawValue) }
    if let rows = source.rows { add("rows", rows, .reopen) }
    switch source.device {
    case .field(let path): add("device", path, .reopen)
    case .recordKey: add("device", "$key", .reopen)
    case .header(let name): add("device", "$header." + name, .reopen)
    }
    add("time.field", source.time.field, .reopen)
    if let unit = source.time.unit { add("time.unit", unit.rawValue, .reopen) }
    if let sequence = source.sequence { add("sequence", sequence, .reopen) }
    add("attributes", source.attributes.map(\.shown), .reopen)
    for attribute in source.attributes {
      guard let text = attribute.description else { continue }
      add("attributes[\(attribute.name)].description", text, .reopen)
    }
    switch source.metrics {
    case .all: add("metrics", "all", .reopen)
    case .narrow(let name, let value):
      add("metric.name", name, .otherState)
      add("metric.value", value, .otherState)
    case .fields(let fields):
      let plain = fields.map { field in
        let place = field.field + (field.key.map { "[\($0)]" } ?? "")
        return Configuration.columnName(ofPath: place) == field.name
          ? place : "\(place) as \(field.name)"
      }
      add("metrics", plain, .reopen)
      for field in fields {
        if let unit = field.unit { add("metrics[\(field.name)].unit", unit, .reopen) }
        if let text = field.description {
          add("metrics[\(field.name)].description", text, .reopen)
        }
      }
    }
    write(source.deduplication)
    add("limits.message", ByteCountText.text(byteCount: source.limits.messageByteCountMax), .reopen)
    for limit in source.limits.counts { add("limits.\(limit.key)", "\(limit.count)", .reopen) }
    add("implicit_zero", "\(source.implicitZero)", .reopen)
    write(source.eventTime)
    write(source.deadLetterFlood)
  }

  /// Nothing of it is part of any state.
  private mutating func write(_ flood: Configuration.DeadLetterFlood?) {
    guard let flood else { return add("dead_letter_flood", "none", .reopen) }
    add("dead_letter_flood.share", Format.text(ofShare: flood.share), .reopen)
    add("dead_letter_flood.for", micros: flood.forMicros, .reopen)
    add("dead_letter_flood.retry", micros: flood.retryMicros, .reopen)
  }

  /// State survives all of it: what is remembered stays where its key does, and is forgotten else.
  private mutating func write(_ deduplication: Configuration.Deduplication?) {
    guard let deduplication else { return }
    add("deduplicate.by", deduplication.by.rawValue, .reopen)
    add("deduplicate.within", micros: deduplication.withinMicros, .reopen)
    add("deduplicate.records", "\(deduplication.recordCountMax)", .reopen)
  }

  /// State keeps slices by the windows' grids; what is made of them when they fire may change.
  mutating func write(_ window: Configuration.Window) {
    add("size", micros: window.sizeMicros, .otherState)
    add("slide", micros: window.slideMicros, .otherState)
    add("aggregates", window.aggregates.map(\.rawValue), .reopen)
    add("sources", window.sources.map(\.pattern).sorted(), .otherState)
    add("metrics", window.metrics.map(\.pattern), .otherState)
  }

  /// Without the kind of rule, which is the item's shape.
  mutating func write(_ detector: Configuration.Detector) {
    add("source", detector.source.pattern, .live)
    if let metric = detector.metric { add("metric", metric.pattern, .live) }
    switch detector.rule {
    case .limits(let limits): write(limits)
    case .silence(let after): add("silence.after", micros: after, .live)
    case .statistical(let rule):
      for (key, micros) in rule.durations where key != "fast_half_life" || rule.kind == .shift {
        let text = micros.map { DurationText.text(micros: $0) } ?? "the default"
        add("\(rule.kind.rawValue).\(key)", text, .live)
      }
      add("\(rule.kind.rawValue).min_change", Self.number(rule.changeMin), .live)
    }
    add("open_max", "\(detector.openCountMax)", .live)
  }

  /// What a receiver has been told is kept by its name; all the rest may change.
  mutating func write(_ webhook: Configuration.Webhook) {
    add("format", webhook.format.rawValue, .live)
    // Addresses and secrets must be seen as new, and never be seen.
    add("url", webhook.shownTarget, identity: Self.hash(webhook.url.value), .live)
    add("min_severity", webhook.minSeverity.rawValue, .live)
    add("detectors", webhook.detectors, .live)
    if let token = webhook.bearerToken {
      add("bearer_token", token.shown, identity: Self.hash(token.value), .live)
    }
    if let login = webhook.basicAuth {
      add("basic_auth.user", login.user, .live)
      let password = login.password
      add("basic_auth.password", password.shown, identity: Self.hash(password.value), .live)
    }
    if let file = webhook.authorityFile { add("ca", file, .live) }
    add("timeout", micros: webhook.timeoutMicros, .live)
    add("resend", webhook.resendMicros.map { DurationText.text(micros: $0) } ?? "none", .live)
    add("max_age", micros: webhook.ageMaxMicros, .live)
    add("queue", "\(webhook.queueCountMax)", .live)
  }

  private mutating func write(_ limits: Configuration.Limits) {
    for (level, bounds) in [("warning", limits.warning), ("critical", limits.critical)] {
      if let low = bounds?.low { add("limits.\(level).below", Self.number(low), .live) }
      if let high = bounds?.high { add("limits.\(level).above", Self.number(high), .live) }
    }
    add("limits.clear_margin", Self.number(limits.clearMargin), .live)
    switch limits.persistence {
    case .readings(let count): add("limits.readings", "\(count)", .live)
    case .duration(let micros): add("limits.for", micros: micros, .live)
    }
  }
}

extension SettingList.Item {
  init(_ source: Configuration.Source) {
    path = "sources[\(source.name)]"
    summary = "\(source.message) from " + source.topics.sorted().joined(separator: ", ")
    shape = ""
    effect = .restart
    var writer = SettingWriter(path: path + ".")
    writer.write(source)
    settings = writer.settings
  }

  init(_ window: Configuration.Window) {
    path = "windows[\(window.name)]"
    summary =
      DurationText.text(micros: window.sizeMicros) + " every "
      + DurationText.text(micros: window.slideMicros)
    shape = ""
    effect = .otherState
    var writer = SettingWriter(path: path + ".")
    writer.write(window)
    settings = writer.settings
  }

  init(_ webhook: Configuration.Webhook) {
    path = "alerts.webhooks[\(webhook.name)]"
    summary = "\(webhook.format.rawValue) at \(webhook.shownTarget)"
    shape = ""
    effect = .live
    var writer = SettingWriter(path: path + ".")
    writer.write(webhook)
    settings = writer.settings
  }

  init(_ detector: Configuration.Detector) {
    path = "detectors[\(detector.name)]"
    summary = detector.rule.key + (detector.metric.map { " on \($0)" } ?? "")
    shape = detector.rule.key
    effect = .live
    var writer = SettingWriter(path: path + ".")
    writer.write(detector)
    settings = writer.settings
  }
}
