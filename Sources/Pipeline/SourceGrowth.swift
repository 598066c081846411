import Decode
import DeltaLog
import Telemetry

/// What live state and tables say about other sources: attributes and metrics may come and go,
/// their columns stay, and none changes its type. Pure.
enum SourceGrowth {
  /// - Parameters:
  ///   - old: the sources that run.
  ///   - new: the same sources as the new configuration has them, in the same order.
  ///   - tables: the schema text of each table there is.
  /// - Returns: one sentence for everything that speaks against the change.
  static func obstacles(
    from old: [SourceOptions], to new: [SourceOptions], tables: [String: String]
  ) -> [String] {
    var reasons = zip(old, new).flatMap { stateObstacles(from: $0.plan.schema, to: $1.plan.schema) }
    for definition in TableDefinition.all(of: new) {
      guard let text = tables[definition.name] else { continue }
      do {
        _ = try SchemaGrowth.text(
          of: definition.name, adding: definition.deltaSchema, to: text)
      } catch {
        reasons.append("\(error)")
      }
    }
    return reasons
  }

  /// Windows and detectors keep their series by metric: one of another type would mix two meanings.
  private static func stateObstacles(
    from old: ReadingSchema, to new: ReadingSchema
  ) -> [String] {
    if old.isNarrow || new.isNarrow { return [] }
    return old.metrics.compactMap { metric in
      let place = "sources[\(old.source)].metrics"
      guard let now = new.metrics.first(where: { $0.name == metric.name }),
        now.type != metric.type
      else { return nil }
      return "\(place): \(metric.name) was \(metric.type.rawValue) and would be "
        + "\(now.type.rawValue): a metric keeps its type, so give the new one another name"
    }
  }
}
