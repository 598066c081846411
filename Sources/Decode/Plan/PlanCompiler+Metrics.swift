import Telemetry

// The metrics of a mapping: all, a list, columns of a map, or the one that each row names.

extension PlanCompiler {
  /// A column and the field it is filled from.
  typealias ResolvedMetric = (column: MetricColumn, field: MappedField)

  mutating func resolveMetrics(
    rowsType: MessageType?
  ) -> (name: MappedField?, metrics: [ResolvedMetric]) {
    if let narrow = mapping.narrowMetric { return resolveNarrow(narrow) }
    var resolved: [ResolvedMetric] = []
    switch mapping.metrics {
    case .list(let metrics):
      for (index, metric) in metrics.enumerated() {
        if let metric = resolveListed(metric, key: "metrics[\(index)]") { resolved.append(metric) }
      }
      if metrics.isEmpty { fault("metrics", "the list is empty", "write all, or name fields") }
    case .all:
      if mapping.rows == nil || rowsType != nil { resolved = resolveAll(rowsType: rowsType) }
    }
    if resolved.count > Self.metricCountMax {
      fault(
        "metrics", "there are more than \(Self.metricCountMax) metrics",
        "list those you need")
    }
    return (nil, resolved)
  }

  private mutating func resolveNarrow(
    _ narrow: MessageMapping.NarrowMetric
  ) -> (name: MappedField?, metrics: [ResolvedMetric]) {
    if mapping.metrics != .all {
      fault("metrics", "a source whose rows name their metric (metric) has no list of metrics")
    }
    var name: MappedField?
    if let field = resolveField(narrow.nameField, key: "metric.name"),
      isInRow(field.path, narrow.nameField, key: "metric.name")
    {
      switch field.kind {
      case .text, .name, .signed, .unsigned64: name = field
      default:
        fault(
          "metric.name", "\(narrow.nameField) is a \(field.path.leaf.typeName); "
            + "it must be a string, an enum or an integer")
      }
    }
    guard let field = resolveField(narrow.valueField, key: "metric.value"),
      isInRow(field.path, narrow.valueField, key: "metric.value")
    else { return (name, []) }
    guard let type = field.metricType, type.isNumeric else {
      fault(
        "metric.value", "\(narrow.valueField) is a \(field.path.leaf.typeName); "
          + "the value of a row must be a number or a bool")
      return (name, [])
    }
    return (name, [(MetricColumn(name: "value", type: type, unit: narrow.unit), field)])
  }

  private mutating func resolveListed(
    _ metric: MessageMapping.Metric, key: String
  ) -> ResolvedMetric? {
    let field =
      if let mapKey = metric.key {
        resolveColumn(metric.field, mapKey: mapKey, key: key)
      } else {
        resolveField(metric.field, key: key)
      }
    guard let field, mapping.rows == nil || isInRow(field.path, metric.field, key: key) else {
      return nil
    }
    var name = metric.name
    if name == nil {
      let ownPath = metric.field.split(separator: ".").dropFirst(field.path.rowDepth)
      name = (ownPath.map(String.init) + (metric.key.map { [$0] } ?? [])).joined(separator: "_")
    }
    let column = name ?? ""
    if let taken = names.take(column, key: key, isAttribute: false) { fault(taken) }
    guard let type = field.metricType else {
      fault(key, "\(metric.field) is a \(field.path.leaf.typeName), which no column can hold")
      return nil
    }
    return (MetricColumn(name: column, type: type, unit: metric.unit), field)
  }

  /// Most fields that `metrics: all` looks at: types that contain each other have more paths than
  /// anybody has time for.
  private static var lookCountMax: Int { 100_000 }

  /// Every numeric scalar of the reading's message that nothing uses, in order of numbers, nested
  /// singular messages included. Types of `google.protobuf` are left out, but for wrappers of
  /// numbers, which are numbers that may be absent; and so is a type inside itself.
  private mutating func resolveAll(rowsType: MessageType?) -> [ResolvedMetric] {
    var resolved: [ResolvedMetric] = []
    var prefix: [MessageField] = []
    if mapping.rows != nil, let path = try? FieldPath(
      rowsPath.joined(separator: "."), from: type, rows: rowsPath)
    {
      prefix = path.fields
    }
    let reading = rowsType ?? type
    var lookCount = 0
    collect(
      from: reading, at: prefix, rowDepth: prefix.count, inside: [], &lookCount, &resolved)
    if lookCount > Self.lookCountMax {
      fault(
        "metrics",
        "\(reading.name) has more than \(Self.lookCountMax) fields, those of messages inside "
          + "included", "list those you need")
    } else if resolved.isEmpty {
      fault("metrics", "\(reading.name) has no numeric field that is not used above")
    }
    return resolved
  }

  private mutating func collect(
    from type: MessageType, at steps: [MessageField], rowDepth: Int, inside outer: [String],
    _ lookCount: inout Int, _ resolved: inout [ResolvedMetric]
  ) {
    // Deeper no message is read.
    guard steps.count <= WireScanner.depthMax else { return }
    for field in type.fields where !field.isRepeated && field.type != .group {
      lookCount += 1
      if lookCount > Self.lookCountMax || resolved.count > Self.metricCountMax { return }
      let path = FieldPath(fields: steps + [field], rowDepth: rowDepth)
      if let mapped = MappedField(path) {
        guard let column = mapped.metricType, column.isNumeric, mapped.kind != .duration,
          !usedNumbers.contains(path.numbers)
        else { continue }
        let ownNames = path.fields.dropFirst(rowDepth).map(\.name)
        let name = ownNames.joined(separator: "_")
        let key = "metrics (all, \(ownNames.joined(separator: ".")))"
        if let taken = names.take(name, key: key, isAttribute: false) { fault(taken) }
        resolved.append((MetricColumn(name: name, type: column), mapped))
      } else if let nested = field.messageType {
        let inside = outer + [type.name]
        if !inside.contains(nested.name), !nested.name.hasPrefix("google.protobuf.") {
          collect(
            from: nested, at: path.fields, rowDepth: rowDepth, inside: inside, &lookCount,
            &resolved)
        }
      }
    }
  }

  private mutating func isInRow(_ path: FieldPath, _ field: String, key: String) -> Bool {
    if path.isInRow { return true }
    if let rows = mapping.rows {
      fault(key, "\(field) is not in the rows, \(rows)", "write it as \(rows).…")
    }
    return false
  }
}
