import Decode
import Telemetry
import Windows

/// Which tables the rows of some cuts go into.
enum TableContents {
  /// What the cuts of one commit have for each table; tables without rows are left out.
  static func all(of cuts: [PartitionCut], sources: [SourceOptions]) -> [any TableContent] {
    var contents: [any TableContent] = []
    for (index, source) in sources.enumerated() {
      let parts = cuts.filter { $0.sourceIndex == index && $0.output.readings.rowCount > 0 }
      if !parts.isEmpty {
        contents.append(ReadingsTable(schema: source.plan.schema, parts: parts))
      }
    }
    let fired = cuts.filter { $0.output.firings.rowCount > 0 }
    if !fired.isEmpty { contents.append(WindowsTable(sources: sources, parts: fired)) }
    let found = cuts.filter { !$0.output.anomalies.isEmpty }
    if !found.isEmpty { contents.append(AnomaliesTable(sources: sources, parts: found)) }
    let dead = cuts.filter { !$0.output.deadLetters.isEmpty }
    if !dead.isEmpty { contents.append(DeadLettersTable(sources: sources, parts: dead)) }
    let gaps = cuts.filter { !$0.gaps.isEmpty }
    if !gaps.isEmpty { contents.append(GapsTable(parts: gaps)) }
    return contents
  }
}
