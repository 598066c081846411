import Telemetry

/// Compiles one mapping. Goes through all keys whatever it finds, so that every fault is reported
/// at once; what a faulty key would have given is simply left out.
struct PlanCompiler {
  /// Most metrics of a source: a row's presence bits and a table's columns stay manageable.
  static let metricCountMax = 2000

  private let mapping: MessageMapping
  private let type: MessageType
  private let descriptors: CDescriptors
  /// The path of the rows, in parts; empty if the message is the reading.
  private let rowsPath: [String]
  private var faults: [DecodePlanFault] = []
  private var names = ColumnNames()
  /// Fields that something other than a metric uses, as numbers from the outermost message.
  private var usedNumbers: Set<[UInt32]> = []
  private var slots: [[UInt32]: Int] = [:]
  private var texts: [TextMember] = []
  private var textPaths: [String] = []
  private var wanted: [ScanTable.Wanted] = []
  private var recordGroups: GroupTable
  private var rowGroups: GroupTable

  init(_ mapping: MessageMapping, catalogue: MessageCatalogue) throws(DecodePlanErrors) {
    guard let type = catalogue.type(named: mapping.messageName) else {
      let fault = DecodePlanFault(
        key: "message", problem: "there is no message type \(mapping.messageName)",
        suggestion: catalogue.suggestion(for: mapping.messageName))
      throw DecodePlanErrors(source: mapping.source, faults: [fault])
    }
    self.mapping = mapping
    self.type = type
    descriptors = CDescriptors(type)
    recordGroups = GroupTable(descriptors)
    rowGroups = GroupTable(descriptors)
    rowsPath = mapping.rows.map { $0.split(separator: ".").map(String.init) } ?? []
  }

  mutating func compile() throws(DecodePlanErrors) -> CompiledMapping {
    let rows = compileRows()
    let device = compileDevice()
    let time = compileTime()
    let sequence = compileSequence()
    let attributes = compileAttributes()
    let (metricName, metrics) = compileMetrics(rowsType: rows?.type)
    guard faults.isEmpty, let time else {
      throw DecodePlanErrors(source: mapping.source, faults: faults)
    }
    let schema = ReadingSchema(
      source: mapping.source, attributes: attributes.map(\.name), hasSequence: sequence != nil,
      isNarrow: mapping.narrowMetric != nil, metrics: metrics.map(\.column))
    return CompiledMapping(
      schema: schema, mapping: mapping, type: type, descriptors: descriptors,
      scan: ScanTable(type, wanted: wanted), texts: texts, textPaths: textPaths,
      recordGroups: recordGroups.groups, rowGroups: rowGroups.groups, device: device,
      attributes: attributes.map(\.slot), sequence: sequence, time: time,
      metrics: metrics.map(\.member), rows: rows?.member, metricName: metricName)
  }

  // MARK: - Keys

  private mutating func compileRows() -> (member: StructMember, type: MessageType)? {
    guard let rows = mapping.rows, let path = resolve(rows, key: "rows") else {
      if mapping.narrowMetric != nil && mapping.rows == nil {
        fault("metric", "a message that is itself the reading cannot name one metric",
          "name the repeated field whose elements do in rows")
      }
      return nil
    }
    guard path.leaf.isRepeated, path.leaf.type == .message, let rowsType = path.leaf.messageType
    else {
      fault("rows", "\(rows) is not a repeated message, so it has no elements to be readings")
      return nil
    }
    let group = recordGroups.index(of: path.fields.dropLast())
    if mapping.narrowMetric != nil {
      wanted.append(ScanTable.Wanted(path: path.numbers[...], action: .row, slot: 0))
    }
    return (member(path.leaf, kind: .int64, group: group), rowsType)
  }

  private mutating func compileDevice() -> Int? {
    guard case .field(let field) = mapping.device else { return nil }
    return recordText(field, key: "device", role: "the device")
  }

  private mutating func compileTime() -> EventTimeMember? {
    guard let path = resolve(mapping.time.field, key: "time.field") else { return nil }
    guard let kind = path.leaf.numericKind, kind.isInteger else {
      fault(
        "time.field",
        "\(mapping.time.field) is a \(path.leaf.typeName); the event time must be an integer")
      return nil
    }
    usedNumbers.insert(path.numbers)
    return EventTimeMember(
      member: member(path, kind: kind), isInRow: path.isInRow, unit: mapping.time.unit,
      plausibleFromMicros: mapping.plausibleFromMicros)
  }

  private mutating func compileSequence() -> StructMember? {
    guard let field = mapping.sequence, let path = resolve(field, key: "sequence") else {
      return nil
    }
    guard !refusedInRow(path, key: "sequence", role: "the sequence") else { return nil }
    guard let kind = path.leaf.numericKind, kind.isInteger else {
      fault(
        "sequence", "\(field) is a \(path.leaf.typeName); the sequence must be an integer")
      return nil
    }
    usedNumbers.insert(path.numbers)
    return member(path, kind: kind)
  }

  private mutating func compileAttributes() -> [(name: String, slot: Int)] {
    var compiled: [(name: String, slot: Int)] = []
    for (index, attribute) in mapping.attributes.enumerated() {
      let key = "attributes[\(index)]"
      let name = attribute.name ?? ColumnNames.name(ofPath: attribute.field)
      if let fault = names.take(name, key: key, isAttribute: true) { faults.append(fault) }
      if let slot = recordText(attribute.field, key: key, role: "an attribute") {
        compiled.append((name, slot))
      }
    }
    return compiled
  }

  // MARK: - Paths

  private mutating func resolve(_ path: String, key: String) -> FieldPath? {
    do {
      return try FieldPath(path, from: type, rows: rowsPath)
    } catch {
      fault(key, error.problem, error.suggestion)
      return nil
    }
  }

  /// A mapped string of the message: its slot, which all users of the field share.
  private mutating func recordText(_ field: String, key: String, role: String) -> Int? {
    guard let path = resolve(field, key: key),
      !refusedInRow(path, key: key, role: role), isString(path, field, key: key)
    else { return nil }
    let numbers = path.numbers
    usedNumbers.insert(numbers)
    if let slot = slots[numbers] { return slot }
    let slot = texts.count
    slots[numbers] = slot
    texts.append(text(path, slot: slot))
    textPaths.append(field)
    wanted.append(ScanTable.Wanted(path: numbers[...], action: .recordText, slot: Int32(slot)))
    return slot
  }

  private mutating func refusedInRow(_ path: FieldPath, key: String, role: String) -> Bool {
    guard path.isInRow else { return false }
    fault(
      key, "\(role) is read from the message, not from inside rows, in this release",
      "name a field outside \(mapping.rows ?? "rows")")
    return true
  }

  private mutating func isString(_ path: FieldPath, _ field: String, key: String) -> Bool {
    guard path.leaf.type != .string else { return true }
    fault(key, "\(field) is a \(path.leaf.typeName); it must be a string")
    return false
  }

  private mutating func text(_ path: FieldPath, slot: Int) -> TextMember {
    TextMember(member: member(path, kind: .string), slot: slot)
  }

  private mutating func member(_ path: FieldPath, kind: StructMember.Kind) -> StructMember {
    let steps = path.fields.dropFirst(path.rowDepth).dropLast()
    let group = path.isInRow ? rowGroups.index(of: steps) : recordGroups.index(of: steps)
    return member(path.leaf, kind: kind, group: group)
  }

  private func member(
    _ field: MessageField, kind: StructMember.Kind, group: Int
  ) -> StructMember {
    StructMember(field, at: descriptors.requiredPlace(of: field), kind: kind, group: group)
  }

  private mutating func fault(_ key: String, _ problem: String, _ suggestion: String? = nil) {
    faults.append(DecodePlanFault(key: key, problem: problem, suggestion: suggestion))
  }
}

// MARK: - Metrics

extension PlanCompiler {
  private typealias CompiledMetric = (column: MetricColumn, member: StructMember)

  private mutating func compileMetrics(
    rowsType: MessageType?
  ) -> (name: TextMember?, metrics: [CompiledMetric]) {
    if let narrow = mapping.narrowMetric { return compileNarrow(narrow) }
    var compiled: [CompiledMetric] = []
    switch mapping.metrics {
    case .list(let metrics):
      for (index, metric) in metrics.enumerated() {
        if let metric = compileListed(metric, key: "metrics[\(index)]") { compiled.append(metric) }
      }
      if metrics.isEmpty { fault("metrics", "the list is empty", "write all, or name fields") }
    case .all:
      if mapping.rows == nil || rowsType != nil {
        compiled = compileAll(rowsType: rowsType)
        if compiled.isEmpty {
          fault("metrics", "\((rowsType ?? type).name) has no numeric field that is not used above")
        }
      }
    }
    if compiled.count > Self.metricCountMax {
      fault(
        "metrics", "\(compiled.count) metrics are more than \(Self.metricCountMax)",
        "list those you need")
    }
    return (nil, compiled)
  }

  private mutating func compileNarrow(
    _ narrow: MessageMapping.NarrowMetric
  ) -> (name: TextMember?, metrics: [CompiledMetric]) {
    if mapping.metrics != .all {
      fault("metrics", "a source whose rows name their metric (metric) has no list of metrics")
    }
    var name: TextMember?
    if let path = resolve(narrow.nameField, key: "metric.name"),
      isInRow(path, narrow.nameField, key: "metric.name"),
      isString(path, narrow.nameField, key: "metric.name")
    {
      wanted.append(ScanTable.Wanted(path: path.numbers[...], action: .rowText, slot: 0))
      name = text(path, slot: 0)
    }
    guard let path = resolve(narrow.valueField, key: "metric.value"),
      isInRow(path, narrow.valueField, key: "metric.value"),
      let (type, kind) = numericType(path, narrow.valueField, key: "metric.value")
    else { return (name, []) }
    let column = MetricColumn(name: "value", type: type, unit: narrow.unit)
    return (name, [(column, member(path, kind: kind))])
  }

  private mutating func compileListed(
    _ metric: MessageMapping.Metric, key: String
  ) -> CompiledMetric? {
    guard let path = resolve(metric.field, key: key) else { return nil }
    guard mapping.rows == nil || isInRow(path, metric.field, key: key) else { return nil }
    let ownPath = metric.field.split(separator: ".").dropFirst(path.rowDepth)
    let name = metric.name ?? ColumnNames.name(ofPath: ownPath.joined(separator: "."))
    if let fault = names.take(name, key: key, isAttribute: false) { faults.append(fault) }
    guard let (type, kind) = numericType(path, metric.field, key: key) else { return nil }
    return (
      MetricColumn(name: name, type: type, unit: metric.unit), member(path, kind: kind)
    )
  }

  /// Every numeric scalar of the reading's message that nothing uses, in order of declaration,
  /// nested singular messages included. Types of `google.protobuf` are left out (a timestamp's
  /// nanoseconds are no metric), and so is a type inside itself.
  private mutating func compileAll(rowsType: MessageType?) -> [CompiledMetric] {
    var compiled: [CompiledMetric] = []
    var prefix: [MessageField] = []
    if mapping.rows != nil, let path = resolve(rowsPath.joined(separator: "."), key: "rows") {
      prefix = path.fields
    }
    collect(from: rowsType ?? type, at: prefix, rowDepth: prefix.count, inside: [], &compiled)
    return compiled
  }

  private mutating func collect(
    from type: MessageType, at steps: [MessageField], rowDepth: Int, inside outer: [String],
    _ compiled: inout [CompiledMetric]
  ) {
    for field in type.fields where !field.isRepeated {
      let path = FieldPath(fields: steps + [field], rowDepth: rowDepth)
      if field.type == .message, let nested = field.messageType {
        let inside = outer + [type.name]
        if !inside.contains(nested.name), !nested.name.hasPrefix("google.protobuf.") {
          collect(
            from: nested, at: path.fields, rowDepth: rowDepth, inside: inside, &compiled)
        }
      } else if let kind = field.numericKind, let metricType = kind.metricType,
        !usedNumbers.contains(path.numbers)
      {
        let ownNames = path.fields.dropFirst(rowDepth).map(\.name)
        let name = ownNames.joined(separator: "_")
        let key = "metrics (all, \(ownNames.joined(separator: ".")))"
        if let fault = names.take(name, key: key, isAttribute: false) { faults.append(fault) }
        compiled.append(
          (MetricColumn(name: name, type: metricType), member(path, kind: kind)))
      }
    }
  }

  private mutating func numericType(
    _ path: FieldPath, _ field: String, key: String
  ) -> (MetricType, StructMember.Kind)? {
    if let kind = path.leaf.numericKind, let type = kind.metricType { return (type, kind) }
    let isEnum = path.leaf.type == .enumeration
    fault(
      key,
      isEnum
        ? "\(field) is an enum, which cannot be a metric in this release"
        : "\(field) is a \(path.leaf.typeName); a metric must be a number or a bool")
    return nil
  }

  private mutating func isInRow(_ path: FieldPath, _ field: String, key: String) -> Bool {
    if path.isInRow { return true }
    if let rows = mapping.rows {
      fault(key, "\(field) is not in the rows, \(rows)", "write it as \(rows).…")
    }
    return false
  }
}

/// The nested messages that mapped fields of one scope lie in, each once.
struct GroupTable {
  private(set) var groups: [StructGroup] = []
  private var known: [[UInt32]: Int] = [:]
  private let descriptors: CDescriptors

  init(_ descriptors: CDescriptors) { self.descriptors = descriptors }

  /// The index of the struct that `steps` lead to; 0 for the message itself.
  mutating func index(of steps: ArraySlice<MessageField>) -> Int {
    guard let last = steps.last else { return 0 }
    let numbers = steps.map(\.number)
    if let index = known[numbers] { return index }
    let parent = index(of: steps.dropLast())
    let place = descriptors.requiredPlace(of: last)
    groups.append(
      StructGroup(
        parent: Int32(parent), pointerOffset: Int32(place.offset),
        caseOffset: Int32(place.quantifierOffset), caseNumber: last.oneof == nil ? 0 : last.number))
    known[numbers] = groups.count
    return groups.count
  }
}
