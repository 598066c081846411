import Telemetry

/// Compiles one mapping. Goes through all keys whatever it finds, so that every fault is reported
/// at once; what a faulty key would have given is simply left out.
///
/// Keys are resolved first and get their slots afterwards, metrics before all others: so the slots
/// of metrics are the columns of a row, in their order, wherever each is a number of its own.
struct PlanCompiler {
  /// Most metrics of a source: a row's presence bits and a table's columns stay manageable.
  static let metricCountMax = 2000

  let mapping: MessageMapping
  let type: MessageType
  /// The path of the rows, in parts; empty if the message is the reading.
  let rowsPath: [String]
  private(set) var faults: [DecodePlanFault] = []
  var names = ColumnNames()
  /// Fields that something other than a metric uses, as numbers from the outermost message.
  private(set) var usedNumbers: Set<[UInt32]> = []
  private var slots: SlotMaker

  init(_ mapping: MessageMapping, catalogue: MessageCatalogue) throws(DecodePlanErrors) {
    guard let type = catalogue.type(named: mapping.messageName) else {
      let fault = DecodePlanFault(
        key: "message", problem: "there is no message type \(mapping.messageName)",
        suggestion: catalogue.suggestion(for: mapping.messageName))
      throw DecodePlanErrors(source: mapping.source, faults: [fault])
    }
    self.mapping = mapping
    self.type = type
    rowsPath = mapping.rows.map { $0.split(separator: ".").map(String.init) } ?? []
    slots = SlotMaker(type, implicitZero: mapping.implicitZero)
  }

  mutating func compile() throws(DecodePlanErrors) -> CompiledMapping {
    let rows = resolveRows()
    let device = resolveDevice()
    let time = resolveTime()
    let sequence = resolveSequence()
    let attributes = resolveAttributes()
    let (metricName, metrics) = resolveMetrics(rowsType: rows?.leaf.messageType)
    guard faults.isEmpty, let time else {
      throw DecodePlanErrors(source: mapping.source, faults: faults)
    }
    let schema = ReadingSchema(
      source: mapping.source, attributes: attributes.map(\.name), hasSequence: sequence != nil,
      isNarrow: mapping.narrowMetric != nil, metrics: metrics.map(\.column))
    let metricReaders = metrics.map { slots.reader(for: $0.field) }
    let rowKey = rows.flatMap { slots.rows(at: $0) }
    return CompiledMapping(
      schema: schema, mapping: mapping, type: type,
      readers: CompiledMapping.Readers(
        device: origin(of: device), attributes: attributes.map { origin(of: $0.source) },
        sequence: sequence.map { slots.reader(for: $0) },
        time: timeReader(of: time),
        metrics: metricReaders, metricName: metricName.map { slots.reader(for: $0) },
        rowKey: rowKey),
      tree: slots.tree, enumerations: slots.enumerations, enumSlots: slots.enumSlots)
  }

  /// What a mapping names: a field, or a part of the record beside its value.
  private enum Source {
    case field(MappedField)
    case part(MessageMapping.RecordPart)
  }

  private mutating func origin(of source: Source?) -> TextOrigin {
    switch source {
    case .field(let field)?: .slot(slots.reader(for: field))
    case .part(.header(let name))?: .header(headerIndex(name))
    case .part?, nil: .key
    }
  }

  private mutating func timeReader(of source: Source) -> EventTimeReader {
    var time = EventTimeReader(
      isInRow: false, unit: mapping.time.unit ?? .microseconds,
      plausibleFromMicros: mapping.plausibleFromMicros)
    switch source {
    case .field(let field):
      time.reader = slots.reader(for: field)
      time.isInRow = field.path.isInRow
    case .part(.header(let name)): time.origin = .header(headerIndex(name))
    case .part: time.origin = .kafkaTimestamp
    }
    return time
  }

  private func headerIndex(_ name: String) -> Int {
    guard let index = mapping.headerNames.firstIndex(of: name) else {
      preconditionFailure("a header that is read is one of the mapping's")
    }
    return index
  }

  // MARK: - Keys

  private mutating func resolveRows() -> FieldPath? {
    guard let rows = mapping.rows, let path = resolve(rows, key: "rows") else {
      if mapping.narrowMetric != nil && mapping.rows == nil {
        fault(
          "metric", "a message that is itself the reading cannot name one metric",
          "name the repeated field whose elements do in rows")
      }
      return nil
    }
    guard path.leaf.isRepeated, path.leaf.type == .message else {
      fault("rows", "\(rows) is not a repeated message, so it has no elements to be readings")
      return nil
    }
    return path
  }

  private mutating func resolveDevice() -> Source? {
    switch mapping.device {
    case .recordKey: return .part(.key)
    case .header(let name): return .part(.header(name))
    case .field(let field):
      return recordField(field, key: "device", role: "the device", must: "be a string") {
        $0 == .text
      }.map(Source.field)
    }
  }

  private mutating func resolveTime() -> Source? {
    let key = "time.field"
    if let part = MessageMapping.RecordPart(mapping.time.field) { return resolveTime(of: part) }
    guard let field = resolveField(mapping.time.field, key: key) else { return nil }
    switch field.kind {
    case .timestamp:
      if mapping.time.unit != nil {
        fault(
          "time.unit", "\(mapping.time.field) is a Timestamp, which has its unit", "leave it out")
      }
    case .signed, .unsigned64:
      if mapping.time.unit == nil {
        fault(
          "time.unit", "\(mapping.time.field) is an integer, which needs a unit",
          "write s, ms, us or ns")
      }
    default:
      fault(
        key,
        "\(mapping.time.field) is a \(field.path.leaf.typeName); the event time must be an integer "
          + "or a Timestamp")
      return nil
    }
    usedNumbers.insert(field.path.numbers)
    return .field(field)
  }

  private mutating func resolveTime(of part: MessageMapping.RecordPart) -> Source? {
    switch part {
    case .key:
      fault("time.field", "the record's key is no time", "name a field, $timestamp or a header")
      return nil
    case .timestamp:
      if mapping.time.unit != nil {
        fault("time.unit", "Kafka's timestamp has its own unit", "leave it out")
      }
    case .header:
      if mapping.time.unit == nil {
        fault("time.unit", "a header's number needs a unit", "write s, ms, us or ns")
      }
    }
    return .part(part)
  }

  private mutating func resolveSequence() -> MappedField? {
    guard let sequence = mapping.sequence else { return nil }
    return recordField(sequence, key: "sequence", role: "the sequence", must: "be an integer") {
      $0 == .signed || $0 == .unsigned64
    }
  }

  private mutating func resolveAttributes() -> [(name: String, source: Source)] {
    var resolved: [(name: String, source: Source)] = []
    for (index, attribute) in mapping.attributes.enumerated() {
      let key = "attributes[\(index)]"
      let name = attribute.name ?? ColumnNames.name(ofPath: attribute.field)
      if let fault = names.take(name, key: key, isAttribute: true) { faults.append(fault) }
      if let part = MessageMapping.RecordPart(attribute.field) {
        if part == .timestamp {
          fault(key, "Kafka's timestamp is no word, so it cannot be an attribute")
        }
        resolved.append((name, .part(part)))
        continue
      }
      let field = recordField(
        attribute.field, key: key, role: "an attribute", must: "be a string or an enum"
      ) { $0 == .text || $0 == .name }
      if let field { resolved.append((name, .field(field))) }
    }
    return resolved
  }

  // MARK: - Paths

  private mutating func resolve(
    _ path: String, key: String, endsInMap: Bool = false
  ) -> FieldPath? {
    do {
      return try FieldPath(path, from: type, rows: rowsPath, endsInMap: endsInMap)
    } catch {
      fault(key, error.problem, error.suggestion)
      return nil
    }
  }

  /// A path to a field that has a value; messages and groups have none.
  mutating func resolveField(_ path: String, key: String) -> MappedField? {
    guard let resolved = resolve(path, key: key) else { return nil }
    guard let field = MappedField(resolved) else {
      fault(key, "\(path) is a \(resolved.leaf.typeName), which has no one value")
      return nil
    }
    return field
  }

  /// A path to a map, and what one of its keys is.
  mutating func resolveColumn(_ path: String, mapKey: String, key: String) -> MappedField? {
    guard let resolved = resolve(path, key: key, endsInMap: true) else { return nil }
    guard resolved.leaf.isMap, resolved.fields.count != resolved.rowDepth else {
      fault(
        "\(key).key",
        "\(path) is a \(resolved.leaf.typeName); only maps that are not the rows have keys")
      return nil
    }
    guard let field = MappedField(resolved, mapKey: mapKey) else {
      fault(
        "\(key).key", "\"\(mapKey)\" cannot be a key of \(path), a \(resolved.leaf.typeName)")
      return nil
    }
    return field
  }

  /// A field of the message itself, of one of the kinds that its role asks for.
  private mutating func recordField(
    _ path: String, key: String, role: String, must: String,
    _ isRight: (SlotReader.Kind) -> Bool
  ) -> MappedField? {
    guard let resolved = resolve(path, key: key) else { return nil }
    if resolved.isInRow {
      fault(
        key, "\(role) is read from the message, not from inside rows, in this release",
        "name a field outside \(mapping.rows ?? "rows")")
      return nil
    }
    guard let field = MappedField(resolved), isRight(field.kind) else {
      fault(key, "\(path) is a \(resolved.leaf.typeName); \(role) must \(must)")
      return nil
    }
    usedNumbers.insert(resolved.numbers)
    return field
  }

  mutating func fault(_ key: String, _ problem: String, _ suggestion: String? = nil) {
    faults.append(DecodePlanFault(key: key, problem: problem, suggestion: suggestion))
  }

  mutating func fault(_ fault: DecodePlanFault) { faults.append(fault) }
}
