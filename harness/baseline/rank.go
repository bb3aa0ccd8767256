package baseline

import "math/big"

// tail is the exact one-sided p-value of the Mann-Whitney test: how likely it is that, of n accepted runs and m
// others that are alike, at least u of the n·m pairs have the other run the larger one. Ties only make it smaller.
//
// The number of orders of n+m runs with exactly u such pairs is the coefficient of q^u in the Gaussian binomial
// (n+m over m), the product of (1-q^(n+i))/(1-q^i) for i from 1 to m.
func tail(n, m, u int) float64 {
	c := make([]*big.Int, n*m+1)
	for k := range c {
		c[k] = new(big.Int)
	}
	c[0].SetInt64(1)
	for i := 1; i <= m; i++ {
		for k := len(c) - 1; k >= n+i; k-- {
			c[k].Sub(c[k], c[k-n-i])
		}
		for k := i; k < len(c); k++ {
			c[k].Add(c[k], c[k-i])
		}
	}
	at, all := new(big.Int), new(big.Int)
	for k, v := range c {
		all.Add(all, v)
		if k >= u {
			at.Add(at, v)
		}
	}
	p, _ := new(big.Rat).SetFrac(at, all).Float64()
	return p
}

// needed is the least number of runs which, each worse than each of n accepted ones, are no chance at a level; 0
// where more than most would be needed.
func needed(n int, level float64, most int) int {
	ways := 1.0 // (n+m over m): as many orders are alike likely, and one of them is the worst
	for m := 1; m <= most; m++ {
		ways *= float64(n+m) / float64(m)
		if 1 <= level*ways {
			return m
		}
	}
	return 0
}
