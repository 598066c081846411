import Base
import Maintenance

/// What instances of a simulation do for the tables: everything far too often, with everything far
/// too small, so that seconds are like years.
struct MaintenancePlan: Sendable {
  let options: MaintenanceOptions

  /// Tables whose rows are kept for a while only. Letters are not among them: what is due of them
  /// would depend on when a replay came.
  private static let keptTables = ["readings_snapshots", "readings_samples", "windows", "anomalies"]

  /// Nil in seeds without maintenance.
  ///
  /// - Parameter startMillis: the wall clock as the simulation begins.
  init?(_ plan: ScenarioPlan, startMillis: Int64) {
    guard plan.maintainsTables else { return nil }
    var random = SplitMix64(seed: plan.seed ^ 0x7AB1E5)
    var options = MaintenanceOptions()
    options.restMillis = [100, 700, 2_500].randomElement(using: &random) ?? 700
    options.compacts = !random.oneIn(6)
    options.fileByteCount = [30_000, 100_000, 1 << 20].randomElement(using: &random) ?? 100_000
    options.settleMillis = Int64.random(in: 100...4_000, using: &random)
    options.bytesPerSecond = [20_000, 1 << 20, 1 << 40].randomElement(using: &random) ?? 1 << 20
    options.logCheckpointVersionCount = [2, 5, 20].randomElement(using: &random) ?? 5
    options.logKeepMillis = [0, 1_000, 10_000].randomElement(using: &random) ?? 1_000
    options.deletedFileKeepMillis = [500, 5_000, 20_000].randomElement(using: &random) ?? 5_000
    options.tableFileCountMin = [2, 6, 20].randomElement(using: &random) ?? 6
    options.orphanAgeSeconds = 0
    if random.oneIn(2) {
      // The first of the fleet's dates ends being kept in the course of the trouble.
      let endMillis = (Int64(FleetScript.startDay) + 1) * 86_400_000
      for table in Self.keptTables {
        let afterMillis = Int64.random(in: 2_000...30_000, using: &random)
        options.keepMillis[table] = startMillis + afterMillis - endMillis
      }
    }
    self.options = options
  }
}
