import Telemetry

// Where the columns of a source's readings come from, for people: `downlinkd schema show`.

extension DecodePlan {
  /// What a column of `readings_<source>` is read from, as the mapping writes it: a field path, or
  /// `$key` and its like; nil for columns that no field stands behind, such as `kafka_offset`.
  package func path(ofColumn column: String) -> String? {
    switch column {
    case "device_id":
      switch mapping.device {
      case .field(let path): return path
      case .recordKey: return "$key"
      case .header(let name): return "$header.\(name)"
      }
    case "event_time": return mapping.time.field
    case "sequence": return mapping.sequence
    case "metric" where schema.isNarrow: return mapping.narrowMetric?.nameField
    case "value" where schema.isNarrow: return mapping.narrowMetric?.valueField
    default: break
    }
    if let index = schema.attributes.firstIndex(of: column) {
      return mapping.attributes[index].field
    }
    guard let index = schema.metrics.firstIndex(where: { $0.name == column }) else { return nil }
    switch mapping.metrics {
    case .list(let metrics): return metrics[index].field
    case .all:
      let rows = mapping.rows.map { "\($0)." } ?? ""
      let readingType = mapping.rows.flatMap { type.fields(atPath: $0)?.last?.messageType }
      return (readingType ?? type).path(named: column).map { rows + $0.joined(separator: ".") }
    }
  }

  /// The key of the map at `path(ofColumn:)` whose values the column holds; nil for other columns.
  package func mapKey(ofColumn column: String) -> String? {
    guard case .list(let metrics) = mapping.metrics, !schema.isNarrow,
      let index = schema.metrics.firstIndex(where: { $0.name == column })
    else { return nil }
    return metrics[index].key
  }

  /// What the `.proto` file says of the field behind a column; nil where it says nothing, or the
  /// descriptor set does not have it. Of the event time nothing: its unit is another one there.
  package func comment(ofColumn column: String) -> String? {
    if column == "event_time" { return nil }
    return path(ofColumn: column).flatMap { type.fields(atPath: $0)?.last?.comment }
  }

  /// The message type whose fields the paths begin with.
  package var type: MessageType { compiled.type }
}

extension MessageType {
  /// The fields a path leads through, the last one it names included; nil if there is no such path.
  package func fields(atPath path: String) -> [MessageField]? {
    var fields: [MessageField] = []
    var scope: MessageType? = self
    for name in path.split(separator: ".", omittingEmptySubsequences: false) {
      guard let field = scope?.field(named: name) else { return nil }
      fields.append(field)
      scope = field.messageType
    }
    return fields
  }

  /// The path whose names, joined by `_`, are a column's name: `metrics: all` names them so, and
  /// refuses two paths of one name.
  func path(named column: String) -> [String]? {
    path(named: column[...], inside: [])
  }

  private func path(named column: Substring, inside outer: Set<MessageType>) -> [String]? {
    for field in fields where !field.isRepeated && column.hasPrefix(field.name) {
      let rest = column.dropFirst(field.name.count)
      if rest.isEmpty { return [field.name] }
      guard rest.first == "_", let nested = field.messageType, nested != self,
        !outer.contains(nested)
      else { continue }
      if let path = nested.path(named: rest.dropFirst(), inside: outer.union([self])) {
        return [field.name] + path
      }
    }
    return nil
  }
}
