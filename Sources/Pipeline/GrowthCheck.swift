import Base
import Decode
import Ledger
package import Storage
import Telemetry

/// What ledger and tables of a root say, where no instance is asked: against other options the same
/// as `Instance.obstacles` says of its own, and whose root it is.
package enum GrowthCheck {
  /// Reads the chain where there is a root; changes nothing.
  ///
  /// - Parameters:
  ///   - old: the options that wrote the root, or would have.
  ///   - new: the options that shall go on with it; sources that only one of the two has are left
  ///     out.
  ///   - storage: the root, nil where there is none yet: then only the metrics are compared.
  /// - Returns: one sentence for everything that speaks against it.
  package static func obstacles(
    from old: PipelineOptions, to new: PipelineOptions, storage: (any Storage)?
  ) throws -> [String] {
    let ledger = try storage.flatMap { try self.ledger(of: old.pipeline, in: $0) }
    let tables = ledger?.state.tables.compactMapValues(\.schemaText) ?? [:]
    let pairs = old.sources.compactMap { source in
      new.sources.first { $0.plan.schema.source == source.plan.schema.source }
        .map { (source, $0) }
    }
    return SourceGrowth.obstacles(from: pairs.map(\.0), to: pairs.map(\.1), tables: tables)
  }

  /// The last version of a pipeline's chain; nil where there is none yet. Throws where the root
  /// belongs to another pipeline, or the chain cannot be read; changes nothing.
  package static func lastVersion(
    of pipeline: String, in storage: any Storage
  ) throws -> Int64? {
    try ledger(of: pipeline, in: storage)?.state.lastVersion
  }

  private static func ledger(of pipeline: String, in storage: any Storage) throws -> Ledger? {
    if try storage.list("_ledger").isEmpty { return nil }
    let ledger = Ledger(storage: storage, pipeline: pipeline, incarnation: RandomID.make())
    try ledger.open()
    return ledger
  }
}
