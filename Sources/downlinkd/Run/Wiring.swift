import Base
import Config
import Decode
import Duplicates
import Kafka
import Parquet
import Pipeline
import Telemetry
import Windows

/// Maps the configuration to what the modules are told, and reports what only they can check:
/// fields that a message does not have, windows that cannot be kept, properties librdkafka refuses.
///
/// The one place that knows both sides; `check` and `run` go through it alike.
struct Wiring {
  var pipeline: PipelineOptions
  let kafka: KafkaConsumer.Options
  /// What each source's windows cost, for `check`.
  let windowPlans: [(source: String, plan: WindowPlan)]

  init(_ configuration: Configuration) throws(ConfigFaults) {
    var faults: [ConfigFault] = []
    var sources: [SourceOptions] = []
    var plans: [(source: String, plan: WindowPlan)] = []
    let detectors = Self.detectors(configuration, &faults)
    for (index, source) in configuration.sources.enumerated() {
      let keyPath = "sources[\(index)]"
      guard let plan = Self.plan(source, configuration, at: keyPath, &faults) else { continue }
      var options = SourceOptions(
        topics: source.topics, plan: plan, windows: Self.windows(of: source, configuration),
        eventTime: EventTimeOptions(source.eventTime),
        detectors: detectors.filter { $0.watches(plan.schema) }.map(\.definition),
        duplicates: source.deduplication.map { DuplicateRule($0) },
        limits: RecordLimits(source.limits))
      do throws(WindowsError) {
        plans.append((
          source.name,
          try WindowPlan(
            schema: plan.schema, windows: options.windows, options: options.eventTime)
        ))
        options.descriptions = source.columnDescriptions
        options.partitionIdleMillis = source.eventTime.partitionIdleMicros.map { Int($0 / 1000) }
        options.flood = source.deadLetterFlood.map { FloodOptions($0) }
        sources.append(options)
      } catch {
        faults.append(configuration.fault(at: "windows", "\(error)"))
      }
    }
    faults += Self.unmatchedMetrics(configuration, sources)
    faults += Self.propertyFaults(configuration)
    do { _ = try HTTPSecurity.read(configuration) } catch { faults += error.faults }
    if !faults.isEmpty { throw ConfigFaults(faults) }
    windowPlans = plans
    pipeline = Self.options(configuration, sources)
    kafka = Self.kafkaOptions(configuration, lanes: pipeline.laneCount)
  }

  // MARK: - Sources

  private static func plan(
    _ source: Configuration.Source, _ configuration: Configuration, at keyPath: String,
    _ faults: inout [ConfigFault]
  ) -> DecodePlan? {
    let catalogue: MessageCatalogue
    do throws(DescriptorSetError) {
      catalogue = try MessageCatalogue(source)
    } catch {
      faults.append(
        configuration.fault(
          at: "\(keyPath).\(source.descriptorSet?.key ?? "message")",
          "\(error.path): \(error.problem)", suggestion: error.suggestion))
      return nil
    }
    do {
      return try DecodePlan(MessageMapping(source), catalogue: catalogue)
    } catch {
      for fault in error.faults {
        faults.append(
          configuration.fault(
            at: "\(keyPath).\(fault.key)", fault.problem, suggestion: fault.suggestion))
      }
      return nil
    }
  }

  private static func windows(
    of source: Configuration.Source, _ configuration: Configuration
  ) -> [WindowDefinition] {
    configuration.windows
      .filter { window in
        window.sources.isEmpty || window.sources.contains { $0.matches(source.name) }
      }
      .map { window in
        var aggregates: Aggregates = []
        for name in window.aggregates {
          if let known = Aggregates.names.first(where: { $0.name == name.rawValue }) {
            aggregates.insert(known.aggregate)
          }
        }
        return WindowDefinition(
          name: window.name, sizeMicros: window.sizeMicros, slideMicros: window.slideMicros,
          aggregates: aggregates, metricGlobs: window.metrics.map(\.pattern))
      }
  }

  /// Metric patterns of windows and detectors that no metric of their sources can match: a typing
  /// error. Narrow sources name their metrics in the data: there nothing can be said beforehand.
  private static func unmatchedMetrics(
    _ configuration: Configuration, _ sources: [SourceOptions]
  ) -> [ConfigFault] {
    let schemas = sources.map(\.plan.schema)
    var faults: [ConfigFault] = []
    for (index, window) in configuration.windows.enumerated() {
      let covered = schemas.filter { schema in
        window.sources.isEmpty || window.sources.contains { $0.matches(schema.source) }
      }
      for (place, pattern) in window.metrics.enumerated() {
        let keyPath = "windows[\(index)].metrics[\(place)]"
        if let fault = configuration.fault(at: keyPath, unlessAMetricOf: covered, matches: pattern)
        {
          faults.append(fault)
        }
      }
    }
    for (index, detector) in configuration.detectors.enumerated() {
      guard let pattern = detector.metric else { continue }
      let covered = schemas.filter { detector.source.matches($0.source) }
      let keyPath = "detectors[\(index)].metric"
      if let fault = configuration.fault(at: keyPath, unlessAMetricOf: covered, matches: pattern) {
        faults.append(fault)
      }
    }
    return faults
  }

  // MARK: - Kafka and the rest

  private static func propertyFaults(_ configuration: Configuration) -> [ConfigFault] {
    let properties = configuration.kafka.properties.map { ($0.key, $0.value) }
    return KafkaProperties.faults(in: properties, role: .consumer).map { fault in
      configuration.fault(
        at: fault.name.map { "kafka.properties.\($0)" } ?? "kafka.properties", fault.reason)
    }
  }

  /// How the configuration's brokers are talked to.
  static func kafkaOptions(
    _ configuration: Configuration, lanes: Int
  ) -> KafkaConsumer.Options {
    var options = KafkaConsumer.Options(
      brokers: configuration.kafka.brokers.joined(separator: ","),
      group: configuration.kafka.group, clientID: "downlinkd-\(configuration.pipeline)")
    options.properties = configuration.kafka.properties.map { ($0.key, $0.value) }
    options.laneCount = lanes
    return options
  }

  private static func options(
    _ configuration: Configuration, _ sources: [SourceOptions]
  ) -> PipelineOptions {
    let storage = configuration.storage
    var options = PipelineOptions(
      pipeline: configuration.pipeline, program: Program.name,
      configFingerprint: configuration.fingerprint, sources: sources,
      start: configuration.kafka.start == .latest ? .latest : .earliest,
      onPositionLost: configuration.kafka.onPositionLost == .stop ? .stop : .skipAndRecord,
      laneCount: laneCount(configuration.lanes),
      commit: CommitOptions(
        intervalMillis: Int(storage.commit.intervalMicros / 1000),
        byteCount: Int(min(storage.commit.byteCount, configuration.memory.bufferByteCountMax / 2)),
        stateIntervalMillis: Int(storage.stateIntervalMicros / 1000),
        stateInputByteCount: 512 << 20, openDateCount: 64),
      parquet: ParquetWriterOptions(
        compression: Compression(storage.parquet),
        createdBy: "downlinkd version \(Program.version) (build release)",
        bloomFilterColumns: ["device_id"]),
      rowGroupRowCountMax: storage.parquet.rowGroupRowCount)
    options.devicesEveryMillis = configuration.tables.devicesEveryMicros.map { Int($0 / 1000) }
    return options
  }

  /// `auto` leaves half of the processors to librdkafka's threads and the writer, which need about
  /// as much as the lanes.
  private static func laneCount(_ lanes: Configuration.Lanes) -> Int {
    switch lanes {
    case .count(let count): return count
    case .auto: return max(1, Processors.usableCount / 2)
    }
  }
}

extension Configuration {
  /// A fault where no metric of the sources matches the pattern, and none can come with the data.
  fileprivate func fault(
    at keyPath: String, unlessAMetricOf schemas: [ReadingSchema], matches pattern: Glob
  ) -> ConfigFault? {
    // A source that is itself faulty is absent here: its faults come first.
    if schemas.isEmpty || schemas.contains(where: \.isNarrow) { return nil }
    let names = schemas.flatMap { $0.metrics.map(\.name) }
    if names.contains(where: { pattern.matches($0) }) { return nil }
    return fault(
      at: keyPath, "no metric of its sources matches `\(pattern)`",
      suggestion: Configuration.suggestion(for: pattern.pattern, among: names)
        ?? "the metrics are \(names.joined(separator: ", "))")
  }
}

extension MessageCatalogue {
  /// The types that a source may name.
  init(_ source: Configuration.Source) throws(DescriptorSetError) {
    guard let set = source.descriptorSet else {
      self = .builtIn
      return
    }
    try self.init(descriptorSet: set.bytes, path: set.path)
  }
}

extension MessageMapping {
  fileprivate init(_ source: Configuration.Source) {
    let device: MessageMapping.Device
    switch source.device {
    case .field(let path): device = .field(path)
    case .recordKey: device = .recordKey
    case .header(let name): device = .header(name)
    }
    let unit = source.time.unit.flatMap { TimeUnit(rawValue: $0.rawValue) }
    var metrics = MessageMapping.Metrics.all
    var narrow: NarrowMetric?
    switch source.metrics {
    case .all: break
    case .fields(let fields):
      metrics = .list(
        fields.map { Metric(field: $0.field, name: $0.name, unit: $0.unit, key: $0.key) })
    case .narrow(let name, let value): narrow = NarrowMetric(nameField: name, valueField: value)
    }
    self.init(
      source: source.name, messageName: source.message, rows: source.rows, device: device,
      time: Time(field: source.time.field, unit: unit), sequence: source.sequence,
      attributes: source.attributes.map { Attribute(field: $0.field, name: $0.name) },
      metrics: metrics, narrowMetric: narrow,
      plausibleFromMicros: source.eventTime.plausibleFromMicros)
    implicitZero = source.implicitZero
    switch source.envelope {
    case .none: envelope = .none
    case .confluent: envelope = .confluent
    }
  }
}

extension Configuration.Source {
  /// What the file says of columns, by their names.
  fileprivate var columnDescriptions: [String: String] {
    var described = attributes.map { ($0.name, $0.description) }
    if case .fields(let fields) = metrics { described += fields.map { ($0.name, $0.description) } }
    return described.reduce(into: [:]) { texts, column in texts[column.0] = column.1 }
  }
}

extension EventTimeOptions {
  fileprivate init(_ eventTime: Configuration.EventTime) {
    self.init(
      outOfOrdernessMicros: eventTime.outOfOrdernessMicros,
      allowedLatenessMicros: eventTime.allowedLatenessMicros,
      maxFutureSkewMicros: eventTime.maxFutureSkewMicros,
      deviceIdleMicros: eventTime.deviceIdleMicros)
  }
}

extension DuplicateRule {
  fileprivate init(_ deduplication: Configuration.Deduplication) {
    self.init(
      by: deduplication.by == .sequence ? .sequence : .payload,
      withinMillis: deduplication.withinMicros / 1000,
      recordCountMax: deduplication.recordCountMax)
  }
}

extension RecordLimits {
  fileprivate init(_ limits: Configuration.RecordLimits) {
    self.init(
      messageByteCountMax: Int(limits.messageByteCountMax), depthMax: limits.depthMax,
      rowCountMax: limits.rowCountMax, deviceCountMax: limits.deviceCountMax,
      metricCountMax: limits.metricCountMax,
      attributeWordCountMax: limits.attributeWordCountMax)
  }
}

extension FloodOptions {
  fileprivate init(_ flood: Configuration.DeadLetterFlood) {
    self.init(
      share: flood.share, forMillis: Int(flood.forMicros / 1000),
      retryMillis: Int(flood.retryMicros / 1000))
  }
}

extension Compression {
  fileprivate init(_ parquet: Configuration.Storage.Parquet) {
    switch parquet.compression {
    case .zstd: self = .zstd(level: Int32(parquet.level ?? 1))
    case .snappy: self = .snappy
    case .lz4: self = .lz4
    case .none: self = .none
    }
  }
}
