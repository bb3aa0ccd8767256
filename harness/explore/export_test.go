package explore

// Coarse has fewer points of each dimension looked at.
func (s *Sweeper) Coarse(points int) { s.points = points }
