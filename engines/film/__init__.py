"""What can be known of a film as moving pictures, nobody in it looked for: cuts, motion, flow, statistics, life."""
