import Config
import Decode

/// Where in a file's rows the device, the time and the values stand.
struct CSVColumns: Equatable {
  struct Metric: Equatable {
    let column: Int
    let name: String
    /// Index into `DeviceTelemetryMessage.metricNames`; nil for a batch.
    let field: Int?
  }

  let count: Int
  let device: Int
  let time: Int
  let metrics: [Metric]
  let attributes: [(column: Int, attribute: CSVOptions.Attribute)]

  static func == (left: CSVColumns, right: CSVColumns) -> Bool {
    left.count == right.count && left.device == right.device && left.time == right.time
      && left.metrics == right.metrics
      && left.attributes.elementsEqual(right.attributes) { $0 == $1 }
  }

  /// Finds the columns by the header's names. `isNumeric` tells, for metrics nobody named, whether
  /// a column holds numbers.
  ///
  /// Throws `.usage` that lists the columns there are where one is missing or named twice.
  init(
    header: [String], file: String, options: CSVOptions, isNumeric: (Int) -> Bool
  ) throws(ProduceError) {
    func find(_ name: String, _ option: String) throws(ProduceError) -> Int {
      let places = header.indices.filter { header[$0] == name }
      if places.count == 1 { return places[0] }
      if places.count > 1 { throw .usage("\(file): column `\(name)` occurs \(places.count) times") }
      let hint = Configuration.suggestion(for: name, among: header).map { "; \($0)" } ?? ""
      let columns = header.map { "`\($0)`" }.joined(separator: ", ")
      throw .usage("\(file) has no column `\(name)` (\(option))\(hint) Columns: \(columns)")
    }
    count = header.count
    let device = try find(options.deviceColumn, "--device-column")
    let time = try find(options.timeColumn, "--time-column")
    var attributes: [(column: Int, attribute: CSVOptions.Attribute)] = []
    for (column, attribute) in options.attributeColumns {
      attributes.append((try find(column, "--attribute"), attribute))
    }
    var chosen: [(column: Int, name: String)] = []
    for metric in options.metrics {
      chosen.append((try find(metric.column, "--metric"), metric.name))
    }
    if options.metrics.isEmpty {
      let taken = Set([device, time] + attributes.map(\.column))
      chosen = header.indices
        .filter { !taken.contains($0) && !header[$0].isEmpty && isNumeric($0) }
        .map { ($0, header[$0]) }
    }
    guard !chosen.isEmpty else {
      throw .usage("\(file) has no column of numbers besides device and time; name one: --metric")
    }
    var metrics: [Metric] = []
    for (column, name) in chosen {
      let field = options.form == .wide ? try Self.field(name, header[column]) : nil
      metrics.append(Metric(column: column, name: name, field: field))
    }
    self.device = device
    self.time = time
    self.attributes = attributes
    self.metrics = metrics
  }

  /// Place of a metric among the fields of a DeviceTelemetry.
  private static func field(_ name: String, _ column: String) throws(ProduceError) -> Int {
    let names = DeviceTelemetryMessage.metricNames
    if let index = names.firstIndex(of: name) { return index }
    let hint = Configuration.suggestion(for: name, among: names).map { "; \($0)" } ?? "."
    throw .usage(
      "a DeviceTelemetry has no metric `\(name)`\(hint) "
        + "Use --metric \(column)=NAME with one of: \(names.joined(separator: ", ")), "
        + "or --message batch, which takes any name")
  }
}
