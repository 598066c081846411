/// Seeds that have found something; every campaign runs them first, whatever its own seeds are.
///
/// A seed repeats its course exactly for as long as nothing that it runs through changes: it is the
/// cheapest way to see a repair work, and afterwards one more course that is known to be rough.
/// What each found is a unit test as well (docs/EXACTLY_ONCE.md), which no change of the simulation
/// ages.
extension Simulation {
  package static let foundSeeds = foundBeforeLetters

  /// Found before there were replays, floods and schemas of one's own: without them, these seeds
  /// run the course in which they found something.
  static let foundBeforeLetters: [UInt64] = [
    21, 29, 31, 32, 91, 145, 157, 389, 562, 687, 814, 1_002, 1_423, 1_631, 1_871,
  ]
}
