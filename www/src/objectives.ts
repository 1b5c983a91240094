/** The objective that learns from several shots of one scene. */
export const FROM_SHOTS = "noise2noise";
/** Id of the objective that learns a model of noise. */
export const FROM_NOISE = "noise-model";
