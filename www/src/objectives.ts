/** The objective that learns from several shots of one scene. */
export const FROM_SHOTS = "noise2noise";
