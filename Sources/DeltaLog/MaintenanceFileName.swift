/// The names of the data files that maintenance makes.
///
///     <pipeline>-m<base version>-<attempt>-<number>.parquet
///
/// The base is the version of the table's log that the attempt was planned on: no commit later than
/// `DeltaTable.maintenanceReach` versions behind it can name the file, which proves an orphan by
/// the log alone. `OwnName.maintained` reads a name back; a test holds the two together.
package struct MaintenanceFileName: Equatable, Sendable, CustomStringConvertible {
  package let pipeline: String
  package let baseVersion: Int64
  /// A UUID: no two attempts make the same name.
  package let attempt: String
  package let number: Int

  package init(pipeline: String, baseVersion: Int64, attempt: String, number: Int) {
    self.pipeline = pipeline
    self.baseVersion = baseVersion
    self.attempt = attempt
    self.number = number
  }

  package var description: String { "\(pipeline)-m\(baseVersion)-\(attempt)-\(number).parquet" }
}
