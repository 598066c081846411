import Base
import Telemetry

@testable import Decode

/// Random mappings of a message type: rows or none, wide or narrow, fields of every kind at every
/// depth.
struct RandomMapping {
  var random: SplitMix64

  /// A field that can be mapped, with the path to it.
  private struct Candidate {
    var path: String
    var field: MessageField
    var rows: String?
  }

  /// A mapping, with the paths of its metrics; nil if the type has no text for a device outside
  /// rows.
  mutating func make(
    _ type: MessageType
  ) -> (mapping: MessageMapping, metrics: [(path: String, key: String?)])? {
    var repeated: [String] = []
    var fields: [Candidate] = []
    collect(type, "", nil, depth: 0, &fields, &repeated)
    let rows = Bool.random(using: &random) ? repeated.randomElement(using: &random) : nil
    var inRows: [Candidate] = []
    let parts = rows.map { $0.split(separator: ".").map(String.init) } ?? []
    if let rows, let path = try? FieldPath(rows, from: type, rows: parts),
      let element = path.leaf.messageType
    {
      var ignored: [String] = []
      collect(element, rows + ".", rows, depth: 1, &inRows, &ignored)
    }
    let texts = fields.filter { $0.field.type == .string || isWrapper(of: .string, $0.field) }
    guard let device = texts.randomElement(using: &random)?.path else { return nil }
    let timesInRows = inRows.filter { isTime($0.field) }
    let times = fields.filter { isTime($0.field) }
    let useRowTime = !timesInRows.isEmpty && Bool.random(using: &random)
    guard let time = (useRowTime ? timesInRows : times).randomElement(using: &random) else {
      return nil
    }
    var mapping = MessageMapping(
      source: "t", messageName: type.name, rows: rows, device: .field(device),
      time: .init(field: time.path, unit: unit(of: time.field)),
      plausibleFromMicros: Fixture.plausibleFromMicros)
    let integers = fields.filter { $0.field.messageType == nil && isTime($0.field) }
    if Bool.random(using: &random) {
      mapping.sequence = integers.randomElement(using: &random)?.path
    }
    let words = fields.filter {
      $0.field.type == .string || $0.field.type == .enumeration || isWrapper(of: .string, $0.field)
    }
    mapping.attributes = words.shuffled(using: &random).prefix(3).enumerated().map {
      .init(field: $1.path, name: "a\($0)")
    }
    mapping.implicitZero = Bool.random(using: &random)
    return mapMetrics(rows == nil ? fields : inRows, mapping)
  }

  private mutating func mapMetrics(
    _ candidates: [Candidate], _ mapping: MessageMapping
  ) -> (mapping: MessageMapping, metrics: [(path: String, key: String?)])? {
    var mapping = mapping
    let scalars = candidates.filter { !$0.field.isMap }
    if mapping.rows != nil, Bool.random(using: &random),
      let name = scalars.filter({ canName($0.field) }).randomElement(using: &random),
      let value = scalars.filter({ isNumber($0.field) }).randomElement(using: &random)
    {
      mapping.narrowMetric = .init(nameField: name.path, valueField: value.path)
      return (mapping, [(value.path, nil)])
    }
    let chosen = candidates.shuffled(using: &random)
      .prefix(Int.random(in: 1...70, using: &random))
    if chosen.isEmpty { return nil }
    let metrics: [(path: String, key: String?)] = chosen.map { candidate in
      guard candidate.field.isMap else { return (candidate.path, nil) }
      return (candidate.path, key(of: candidate.field))
    }
    mapping.metrics = .list(
      metrics.enumerated().map { .init(field: $1.path, name: "m\($0)", key: $1.key) })
    return (mapping, metrics)
  }

  private mutating func key(of field: MessageField) -> String {
    let key = Int.random(in: 0..<4, using: &random)
    switch field.messageType?.field(numbered: 1)?.type {
    case .string: return key == 0 ? "" : "k\(key)"
    case .bool: return key < 2 ? "false" : "true"
    default: return "\(key)"
    }
  }

  // MARK: - Candidates

  private func collect(
    _ type: MessageType, _ prefix: String, _ rows: String?, depth: Int,
    _ fields: inout [Candidate], _ repeated: inout [String]
  ) {
    for field in type.fields where field.type != .group {
      let path = prefix + field.name
      if field.isRepeated {
        if field.type == .message, !field.isMap || isScalar(field) { repeated.append(path) }
        if field.isMap, isScalar(field) {
          fields.append(Candidate(path: path, field: field, rows: rows))
        }
      } else if field.messageType == nil || field.messageType?.wellKnown != nil {
        fields.append(Candidate(path: path, field: field, rows: rows))
      } else if let inner = field.messageType, depth < 2 {
        collect(inner, path + ".", rows, depth: depth + 1, &fields, &repeated)
      }
    }
  }

  private func isScalar(_ map: MessageField) -> Bool {
    map.messageType?.field(numbered: 2)?.messageType == nil
  }

  private func isWrapper(of type: FieldType, _ field: MessageField) -> Bool {
    field.messageType?.wellKnown == .wrapper(type)
  }

  private func isTime(_ field: MessageField) -> Bool {
    switch field.type {
    case .int64, .uint64, .fixed64, .sfixed64, .sint64, .int32, .uint32: true
    case .message: field.messageType?.wellKnown == .timestamp
    default: false
    }
  }

  private mutating func unit(of field: MessageField) -> MessageMapping.TimeUnit? {
    field.type == .message ? nil : MessageMapping.TimeUnit.allCases.randomElement(using: &random)
  }

  private func canName(_ field: MessageField) -> Bool {
    switch field.type {
    case .string, .enumeration, .int32, .uint64, .sint64, .fixed32: true
    default: isWrapper(of: .string, field)
    }
  }

  private func isNumber(_ field: MessageField) -> Bool {
    switch field.type {
    case .string, .bytes, .enumeration, .group: return false
    case .message:
      switch field.messageType?.wellKnown {
      case .duration?: return true
      case .wrapper(let type)?: return type != .string && type != .bytes
      default: return false
      }
    default: return true
    }
  }
}
