enum SourceKey: String, ConfigKey {
  case name, topics, message
  case descriptorSet = "descriptor_set"
  case protos, envelope
  case rows, device, time, sequence, attributes, metrics, metric, deduplicate, limits
  case eventTime = "event_time"
  case deadLetterFlood = "dead_letter_flood"
  case implicitZero = "implicit_zero"
}

enum TimeKey: String, ConfigKey { case field, unit }
enum AttributeKey: String, ConfigKey { case field, name, description }
enum NarrowMetricKey: String, ConfigKey { case name, value }
enum MetricKey: String, ConfigKey { case field, key, name, unit, description }

enum EventTimeKey: String, ConfigKey {
  case outOfOrderness = "out_of_orderness"
  case allowedLateness = "allowed_lateness"
  case maxFutureSkew = "max_future_skew"
  case plausibleFrom = "plausible_from"
  case deviceIdle = "device_idle"
  case partitionIdle = "partition_idle"
}

extension Configuration.EventTime {
  static let standard = Configuration.EventTime(
    outOfOrdernessMicros: Default.outOfOrderness,
    allowedLatenessMicros: Default.allowedLateness,
    maxFutureSkewMicros: Default.maxFutureSkew,
    plausibleFromMicros: Default.plausibleFrom,
    deviceIdleMicros: Default.deviceIdle, partitionIdle: .standard)

  /// Keys the section does not have keep the value of `outer`.
  init(_ section: Section<EventTimeKey>, inheriting outer: Configuration.EventTime) {
    outOfOrdernessMicros = section.value(
      .outOfOrderness, default: outer.outOfOrdernessMicros, .duration(in: Allowed.outOfOrderness))
    allowedLatenessMicros = section.value(
      .allowedLateness, default: outer.allowedLatenessMicros,
      .duration(in: Allowed.allowedLateness))
    maxFutureSkewMicros = section.value(
      .maxFutureSkew, default: outer.maxFutureSkewMicros, .duration(in: Allowed.maxFutureSkew))
    plausibleFromMicros = section.value(
      .plausibleFrom, default: outer.plausibleFromMicros, .date(in: Allowed.plausibleFrom))
    deviceIdleMicros = section.value(
      .deviceIdle, default: outer.deviceIdleMicros, .duration(in: Allowed.deviceIdle))
    partitionIdle = section.value(
      .partitionIdle, default: outer.partitionIdle, .partitionIdle)
  }
}

extension Format where Value == Configuration.PartitionIdle {
  fileprivate static var partitionIdle: Format<Configuration.PartitionIdle> {
    let duration = Format<Int64>.duration(in: Allowed.partitionIdle)
    return Format(expected: "never, or \(duration.expected)") { (scalar) throws(ValueFault) in
      scalar.text == "never" ? .never : .after(try duration.read(scalar))
    }
  }
}

extension Configuration.Source {
  init(_ section: Section<SourceKey>, inheriting eventTime: Configuration.EventTime) {
    name = section.required(.name, placeholder: "", .name(.table))
    section.requirePresence(of: .topics, expected: "a list of topics")
    topics = section.list(.topics, of: .topic) ?? []
    message = section.required(.message, placeholder: "", .messageName)
    descriptorSet = section.descriptorSet()
    rows = section.optional(.rows, .fieldPath)
    device = section.required(.device, placeholder: .recordKey, .device)
    section.requirePresence(of: .time, expected: "{field: …, unit: s | ms | us | ns}")
    let time = section.section(.time, TimeKey.self)
    if section.has(.time) { time.requirePresence(of: .field, expected: "a field path") }
    self.time = Time(
      field: time.optional(.field, .timeField) ?? "", unit: time.optional(.unit, .word))
    time.checkUnit(of: self.time)
    envelope = section.value(.envelope, default: .none, .word)
    sequence = section.optional(.sequence, .fieldPath)
    attributes = section.attributes()
    metrics = section.metrics()
    implicitZero = section.value(.implicitZero, default: false, .boolean)
    deduplication = section.deduplication(hasSequence: section.has(.sequence))
    limits = section.recordLimits()
    deadLetterFlood = section.deadLetterFlood()
    self.eventTime = Configuration.EventTime(
      section.section(.eventTime, EventTimeKey.self), inheriting: eventTime)
  }
}

extension Section<TimeKey> {
  /// What the record itself has of a time says its unit, or nothing about it.
  fileprivate func checkUnit(of time: Configuration.Source.Time) {
    switch RecordPartText(time.field) {
    case .timestamp where time.unit != nil:
      report(.unit, "$timestamp has its own unit", suggestion: "remove `unit`")
    case .header where !has(.unit):
      requirePresence(of: .unit, expected: "s, ms, us or ns: what the header counts")
    case .key, .timestamp, .header, nil: break
    }
  }
}

extension Section<SourceKey> {
  /// Each a field path or part of the record, or a mapping with its column's name; none twice.
  fileprivate func attributes() -> [Configuration.Source.Attribute] {
    let expected = "\(Format<String>.attributeField.expected), or {field:, name:}"
    let items = items(.attributes, of: expected, mayBeEmpty: true) ?? []
    var seen: [String: String] = [:]
    var attributes: [Configuration.Source.Attribute] = []
    var paths: [String] = []
    for item in items {
      guard let attribute = attribute(item.node, path: item.path) else { continue }
      if let first = seen[attribute.field] {
        reading.report(
          item.path, "`\(attribute.field)` is in the list twice; the first is \(first)",
          suggestion: "remove one of the two")
        continue
      }
      seen[attribute.field] = item.path
      attributes.append(attribute)
      paths.append(item.path)
    }
    reading.noteItems(at: paths, of: path(of: .attributes))
    return attributes
  }

  private func attribute(
    _ node: ConfigNode, path: String
  ) -> Configuration.Source.Attribute? {
    guard case .mapping = node.content else {
      guard let field = read(node, path: path, .attributeField) else { return nil }
      let name = Configuration.columnName(ofPath: field)
      if RecordPartText(field) != nil, (try? NameRule.column.check(name)) == nil {
        reading.report(
          path, "`\(name)`, from the header's name, cannot be a column",
          suggestion: "name it: {field: \(field), name: …}")
        return nil
      }
      return Configuration.Source.Attribute(field: field, name: name)
    }
    let section = Section<AttributeKey>(node, path: path, in: reading)
    let field = section.required(.field, placeholder: "", .attributeField)
    let name = section.value(
      .name, default: Configuration.columnName(ofPath: field), .name(.column))
    let description = section.optional(.description, .text)
    return field.isEmpty
      ? nil : Configuration.Source.Attribute(field: field, name: name, description: description)
  }

  fileprivate func metrics() -> Configuration.Source.Metrics {
    if has(.metric) {
      if has(.metrics) {
        report(
          .metrics, atKey: true, "`metrics` and `metric` exclude each other",
          suggestion: "keep `metric` where each row names its metric, else `metrics`")
      }
      return narrowMetric()
    }
    guard let node = node(.metrics) else { return .all }
    guard case .scalar(let scalar) = node.content, !scalar.isNull else {
      return .fields(metricFields())
    }
    if scalar.text != "all" {
      report(
        .metrics, "\(scalar.shown) is not known here; expected all, or a list of fields",
        suggestion: scalar.text == "*" ? "write all" : "write a list: [\(scalar.written)]")
    }
    return .all
  }

  private func narrowMetric() -> Configuration.Source.Metrics {
    let narrow = section(.metric, NarrowMetricKey.self)
    let name = narrow.required(.name, placeholder: "", .fieldPath)
    let value = narrow.required(.value, placeholder: "", .fieldPath)
    guard has(.rows) else {
      report(
        .metric, atKey: true,
        "`metric` needs `rows`: the repeated field whose elements name their metric")
      return .narrow(name: name, value: value)
    }
    if let rows = optional(.rows, .fieldPath) {
      for (key, field) in [(NarrowMetricKey.name, name), (.value, value)]
      where !field.isEmpty && !field.hasPrefix(rows + ".") {
        narrow.report(
          key, "`\(field)` is not a field of the rows; expected \(rows).<field>",
          suggestion: "did you mean `\(rows).\(field)`?")
      }
    }
    return .narrow(name: name, value: value)
  }

  private func metricFields() -> [Configuration.MetricField] {
    let expected = "a field path, or {field:, key:, name:, unit:}"
    let items = items(.metrics, of: expected) ?? []
    // An unreadable item keeps its place with an empty name, which the later checks skip.
    reading.noteItems(at: items.map(\.path), of: path(of: .metrics))
    return items.map { item in
      if case .scalar = item.node.content {
        let field = read(item.node, path: item.path, .fieldPath) ?? ""
        return Configuration.MetricField(
          field: field, key: nil, name: Configuration.columnName(ofPath: field), unit: nil)
      }
      return Section<MetricKey>(item.node, path: item.path, in: reading).metricField()
    }
  }
}

extension Section<MetricKey> {
  /// One metric; with an empty name, which the later checks skip, where it cannot be read.
  fileprivate func metricField() -> Configuration.MetricField {
    let field = required(.field, placeholder: "", .fieldPath)
    let key = optional(.key, .text)
    var name = Configuration.columnName(ofPath: field)
    if let key, !field.isEmpty {
      name += "_" + key
      if !has(.name), (try? NameRule.column.check(name)) == nil {
        report(
          .key, "`\(name.escapedControls)`, from the map and its key, cannot be a column",
          suggestion: "name it: {field: \(field), key: …, name: …}")
        name = ""
      }
    }
    return Configuration.MetricField(
      field: field, key: key, name: value(.name, default: name, .name(.column)),
      unit: optional(.unit, .text), description: optional(.description, .text))
  }
}

extension Format where Value == String {
  /// The full name of a message type; protoc writes it with a leading dot, which is dropped.
  static var messageName: Format<String> {
    let expected = "a full message name such as fleet.telemetry.v1.DeviceTelemetry"
    let path = Format<String>.fieldPath
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      var scalar = scalar
      if scalar.text.hasPrefix(".") { scalar.text.removeFirst() }
      guard let name = try? path.read(scalar) else {
        throw ValueFault("is not \(expected)")
      }
      return name
    }
  }
}
