import Telemetry

// A source has other attributes, or a wide one other metrics.
extension PartitionWindows {
  /// Takes other attributes from here on: devices keep the words of those that were there and are,
  /// and know none of new ones yet.
  mutating func take(attributes names: [String]) {
    let old = set.schema
    set.take(attributes: names)
    attributes = set.schema.attributeRows(attributes, count: devices.count, of: old)
  }

  /// Takes a schema with other metrics from here on; those that were there and are keep all they
  /// have, wherever they stand now. What those that are gone had is dropped: no metric's windows
  /// follow from another's values. Cost: all state is gone through once.
  mutating func grow(to schema: ReadingSchema) {
    precondition(!schema.isNarrow, "narrow sources learn their metrics from the records")
    let old = set
    let places = schema.places(ofMetricsOf: old.schema)
    do throws(WindowsError) {
      set = try WindowSet(schema: schema, definitions: old.definitions, options: old.options)
    } catch {
      preconditionFailure("windows do not depend on what metrics there are: \(error)")
    }
    accumulator = Accumulator(metricCountMax: set.metricCountMax)
    // Metrics that were together in a group still are: a group is a set of windows.
    let sources = set.groups.map { group -> (group: Int, columns: [Int?])? in
      let mask = set.mask(ofGrid: group.grid)
      guard let before = old.groups.firstIndex(where: { old.mask(ofGrid: $0.grid) == mask })
      else { return nil }
      let columns = old.groups[before].metrics.map { metric -> Int? in
        guard let place = places[metric] else { return nil }
        guard let column = group.metrics.firstIndex(of: place) else {
          preconditionFailure("a metric is in the windows that it was in")
        }
        return column
      }
      return (before, columns)
    }
    var table = BlockTable()
    for device in devices.indices {
      for group in set.groups.indices {
        var block = emptyBlock(ofGroup: group)
        if let source = sources[group] {
          block.takeOver(
            from: &blocks[device * old.groups.count + source.group], columns: source.columns)
        }
        table.append(block)
      }
    }
    blocks = table
  }
}

extension SliceBlock {
  /// Moves the slices of a block of other metrics into this empty one, where new metrics have no
  /// values in them. `columns` says where each metric of the old block stands in this one, if it
  /// does. A slice of nothing but what is gone stays, empty, and fires nothing.
  mutating func takeOver(from old: inout SliceBlock, columns: [Int?]) {
    precondition(count == 0 && columns.count == old.metricCount, "slices enter an empty block")
    revisions.takeOver(from: old.revisions, columns: columns)
    if old.count == 0 { return }
    if columns == Array(0..<metricCount) {
      swapMemory(with: &old)
      return
    }
    // A row in which some metric has no reading is one of cells.
    if old.isUniform { old.spreadToCells() }
    allocate(
      capacity: old.count, lastCapacity: old.count, count: old.count, lastFrom: 0,
      isUniform: false)
    unsafe levelCounts.update(from: old.levelCounts, count: Int(levelCount))
    unsafe starts.update(from: old.starts, count: old.count)
    for index in 0..<old.count {
      unsafe row(index).takeColumns(columns, of: old.row(index))
      unsafe lastRow(index).takeColumns(columns, of: old.lastRow(index))
    }
  }
}

extension SliceRow {
  /// Takes a row of cells over whose metrics stand in `columns` here; the others have no reading.
  func takeColumns(_ columns: [Int?], of other: SliceRow) {
    unsafe clear()
    for case (let metric, let column?) in columns.enumerated() {
      unsafe counts[column] = unsafe other.counts[metric]
      unsafe firstTimes[column] = unsafe other.firstTimes[metric]
      unsafe means[column] = unsafe other.means[metric]
      unsafe m2s[column] = unsafe other.m2s[metric]
      unsafe mins[column] = unsafe other.mins[metric]
      unsafe maxes[column] = unsafe other.maxes[metric]
      unsafe firsts[column] = unsafe other.firsts[metric]
    }
  }
}

extension LastRow {
  /// The same for last values.
  func takeColumns(_ columns: [Int?], of other: LastRow) {
    unsafe clear()
    for case (let metric, let column?) in columns.enumerated() {
      unsafe times[column] = unsafe other.times[metric]
      unsafe values[column] = unsafe other.values[metric]
    }
  }
}

extension RevisionList {
  /// Takes over the entries of a list of other metrics; new ones were never changed late.
  mutating func takeOver(from old: borrowing RevisionList, columns: [Int?]) {
    precondition(count == 0, "revisions enter an empty list")
    for index in 0..<old.count {
      insert(end: old.end(index), window: old.window(index), at: index)
      for case (let metric, let column?) in columns.enumerated() {
        setCode(index, metric: column, old.code(index, metric: metric))
      }
    }
  }
}
