import Base
package import Telemetry

/// What the windows of one source cost, before anything runs: for `check`.
///
/// The figures are for devices that report regularly, at least once a finest slice, with every
/// metric in every reading. Devices heard less often need less, since empty slices do not exist;
/// late data needs 16 + 4·metrics bytes for each window it changes until that window is dropped,
/// and a missing metric 24 bytes more a slice and metric.
package struct WindowPlan: Sendable {
  /// Slices of one width.
  package struct Level: Equatable, Sendable {
    package let widthMicros: Int64
    /// How many slices of this width a device has at most.
    package let sliceCountMax: Int
  }

  /// Metrics that are in the same windows.
  package struct Group: Sendable {
    /// How many metrics of a device: 1 for a narrow source, where each metric is on its own.
    package let metricCount: Int
    /// Finest first.
    package let levels: [Level]
    /// How many of the slices keep a last value.
    package let lastSliceCountMax: Int
    package let byteCount: Int
  }

  /// One for each set of metrics that are in the same windows; for a narrow source one, of a metric
  /// that is in all windows.
  package let groups: [Group]
  /// Bytes of a device apart from its groups.
  package let bytesPerDevice: Int
  private let isNarrow: Bool
  /// For each window the firings of one series a day, and how many metrics it takes.
  private let firings: [(perDay: Double, metricCount: Int)]

  /// Throws when the windows or options cannot be kept.
  package init(
    schema: ReadingSchema, windows: [WindowDefinition], options: EventTimeOptions
  ) throws(WindowsError) {
    var set = try WindowSet(schema: schema, definitions: windows, options: options)
    isNarrow = schema.isNarrow
    var deviceBytes = MemoryLayout<DeviceState>.stride + RecencyList.bytesPerDevice
    deviceBytes += 4 * schema.attributes.count
    var groups: [Group] = []
    if schema.isNarrow {
      // The list of series.
      deviceBytes += 16
      if !windows.isEmpty {
        let all = UInt64.max >> UInt64(64 - windows.count)
        let grid = set.grid(mask: all)
        groups.append(Self.group(set.grids[grid], metricCount: 1, options: options, isNarrow: true))
      }
    } else {
      for group in set.groups {
        groups.append(
          Self.group(
            set.grids[group.grid], metricCount: group.metrics.count, options: options,
            isNarrow: false))
      }
    }
    self.groups = groups
    bytesPerDevice = deviceBytes
    firings = windows.map { window in
      let names = schema.metrics.filter(\.type.isNumeric).map(\.name)
      return (
        Double(Timestamp.microsPerDay) / Double(window.slideMicros),
        schema.isNarrow ? 1 : names.count { window.selects(metric: $0) }
      )
    }
  }

  /// Bytes of state a series has on average, its share of the device included. A narrow source says
  /// how many metrics a device has; a wide one knows.
  package func bytesPerSeries(metricsPerDevice: Int = 1) -> Double {
    let groupBytes = groups.reduce(0) { $0 + $1.byteCount }
    let metricCount = isNarrow ? metricsPerDevice : groups.reduce(0) { $0 + $1.metricCount }
    if metricCount == 0 { return 0 }
    let copies = isNarrow ? metricsPerDevice : 1
    return Double(bytesPerDevice + groupBytes * copies) / Double(metricCount)
  }

  /// Rows of the `windows` table a day for a fleet in which every device reports all day, without
  /// late changes. For a narrow source `metricsPerDevice` counts those metrics that every window
  /// takes.
  package func rowsPerDay(devices: Int, metricsPerDevice: Int = 1) -> Double {
    let perDevice = firings.reduce(0.0) { total, window in
      total + window.perDay * Double(isNarrow ? metricsPerDevice : window.metricCount)
    }
    return perDevice * Double(devices)
  }

  /// How the figures come about, one line a group.
  package var formula: String {
    var lines = ["bytes a device = \(bytesPerDevice) + the sum of its groups"]
    for group in groups {
      let levels = group.levels.map { level in
        "\(level.sliceCountMax) × \(Double(level.widthMicros) / 1e6) s"
      }
      let slices = group.levels.reduce(0) { $0 + $1.sliceCountMax }
      let fixed = group.byteCount - Self.sliceBytes(
        slices: slices, lastSlices: group.lastSliceCountMax, metricCount: group.metricCount)
      lines.append(
        """
        group of \(group.metricCount): \(fixed) + \(slices) slices \
        (\(levels.joined(separator: ", "))) × (28 + 40 × \(group.metricCount)) \
        + \(group.lastSliceCountMax) last values × (12 + 8 × \(group.metricCount)) \
        = \(group.byteCount)
        """)
    }
    return lines.joined(separator: "\n")
  }

  // MARK: - Slices of a level

  private static func group(
    _ grid: WindowGrid, metricCount: Int, options: EventTimeOptions, isNarrow: Bool
  ) -> Group {
    let behind = options.outOfOrdernessMicros + options.allowedLatenessMicros
    var levels: [Level] = []
    // How far before D the levels so far are live at least; below 0 before the first.
    var covered = -behind
    for (level, width) in grid.widths.enumerated() {
      let windows = grid.windows.filter { $0.level == level }
      let reach = windows.map(\.size).max() ?? 0
      let step = level == 0 ? 0 : grid.widths[level - 1]
      let stretch = max(0, reach - covered - step)
      levels.append(
        Level(widthMicros: width, sliceCountMax: Int((stretch + width - 1) / width)))
      covered = max(covered, windows.map { $0.size - $0.slide }.max() ?? 0)
    }
    let slices = levels.reduce(0) { $0 + $1.sliceCountMax }
    let overlaps = grid.windows.contains { $0.level == 0 && $0.size - $0.slide >= grid.widths[0] }
    let recent = Int((behind + 2 * grid.widths[0] - 1) / grid.widths[0]) + 1
    let lastSlices = min(slices, recent + (overlaps ? 0 : grid.widths.count - 1))
    var bytes = MemoryLayout<SliceBlock>.stride + (grid.widths.count + 1) / 2 * 8
    bytes += sliceBytes(slices: slices, lastSlices: lastSlices, metricCount: metricCount)
    // The place in the index, at most half full, and in the device's list.
    if isNarrow { bytes += 24 + 4 }
    return Group(
      metricCount: metricCount, levels: levels, lastSliceCountMax: lastSlices, byteCount: bytes)
  }

  private static func sliceBytes(slices: Int, lastSlices: Int, metricCount: Int) -> Int {
    let shape = RowShape(metricCount: metricCount, isUniform: true)
    return slices * (12 + 8 * shape.wordCount) + lastSlices * (4 + 8 * shape.lastWordCount)
  }
}
