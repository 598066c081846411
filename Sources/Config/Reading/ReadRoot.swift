enum RootKey: String, ConfigKey {
  case pipeline, lanes, kafka
  case schemaRegistry = "schema_registry"
  case sources
  case eventTime = "event_time"
  case windows, detectors, storage, tables, maintenance, memory, http, admin, alerts, log
}

enum MemoryKey: String, ConfigKey { case buffers }
enum LogKey: String, ConfigKey { case level, format }

extension Configuration {
  /// Reads the whole file. What comes back is usable only if `reading` has no faults in the end.
  init(_ root: Section<RootKey>, reading: Reading) {
    file = reading.file
    pipeline = root.required(.pipeline, placeholder: "", .name(.label))
    lanes = root.value(.lanes, default: .auto, .lanes)
    kafka = Kafka(root.section(.kafka, KafkaKey.self), pipeline: pipeline)
    schemaRegistry =
      root.has(.schemaRegistry)
      ? SchemaRegistry(root.section(.schemaRegistry, SchemaRegistryKey.self)) : nil

    let eventTime = EventTime(
      root.section(.eventTime, EventTimeKey.self), inheriting: .standard)
    self.eventTime = eventTime
    root.requirePresence(of: .sources, expected: "a list of sources")
    let sourceSections =
      root.sections(.sources, SourceKey.self, of: "a source with name, topics, message, …") ?? []
    sources = sourceSections.map { Source($0, inheriting: eventTime) }

    let windowSections = root.sections(
      .windows, WindowKey.self, of: "a window such as {name: 5m, size: 5m, slide: 1m}",
      mayBeEmpty: true)
    windows = (windowSections ?? []).map { Window($0) }
    let detectorSections = root.sections(
      .detectors, DetectorKey.self, of: "a detector with name, metric and a rule such as shift: {}",
      mayBeEmpty: true)
    detectors = (detectorSections ?? []).map { Detector($0) }

    root.requirePresence(of: .storage, expected: "a mapping with root: the folder of the tables")
    storage = Storage(
      root.section(.storage, StorageKey.self), isRootRequired: root.has(.storage))
    tables = Tables(root, sources: sources.map(\.name))
    maintenance = Maintenance(root.section(.maintenance, MaintenanceKey.self))
    memory = Memory(root.section(.memory, MemoryKey.self))
    http = HTTP(root.section(.http, HTTPKey.self))
    admin = Admin(root.section(.admin, AdminKey.self))
    alerts = Alerts(root.section(.alerts, AlertsKey.self))
    log = Log(root.section(.log, LogKey.self))
    places = Places(
      positions: reading.positions, redactions: reading.redactions, document: reading.document,
      origins: reading.origins)
    checkTogether(reading)
  }
}

extension Format where Value == Configuration.Lanes {
  static var lanes: Format<Configuration.Lanes> {
    let count = Format<Int>.wholeNumber(in: Allowed.lanes)
    let expected = "auto or \(count.expected)"
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      if scalar.text == "auto" { return .auto }
      guard let number = try? count.read(scalar) else {
        throw ValueFault("is not a number of lanes; expected \(expected)")
      }
      return .count(number)
    }
  }
}

extension Configuration.Memory {
  init(_ section: Section<MemoryKey>) {
    bufferByteCountMax = section.value(
      .buffers, default: Default.bufferByteCount, .byteCount(in: Allowed.bufferByteCount))
  }
}

extension Configuration.Log {
  init(_ section: Section<LogKey>) {
    level = section.value(.level, default: .info, .word)
    format = section.value(.format, default: .auto, .word)
  }
}
